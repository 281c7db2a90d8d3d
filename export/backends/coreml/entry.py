"""Core ML to the exporter: its rows, what may be asked of its packages, and where its work is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from export.backends.backend import Backend, Finished, Order, with_picture_form
from export.targets.row import BASIS, DEPLOYMENTS, Row
from runtimes.backends.onnxruntime import ENGINE as ONNXRUNTIME

if TYPE_CHECKING:
    from export.graph.graph import Graph
    from export.quantization.calibrated_graph import Quantizer
    from export.targets.outputs import Written
    from export.targets.table import Target, TargetOptions
    from runtimes.bundle.manifest import Artifact

OPSET = 20  # of the graph that packages are made from: it has Gelu as one operator


def _write(order: Order) -> Written:
    from export.backends.coreml.write import write

    return write(order)


def _refuse(options: TargetOptions, targets: Sequence[Target]) -> None:
    from export.backends.coreml.shapes import require_image, require_shapes

    require_image(options.image, targets)
    require_shapes(options.shapes, targets)


def _refuse_graph(graph: Graph) -> None:
    from export.backends.coreml.program import require_known

    require_known(graph)


def _after(finished: Finished) -> tuple[Artifact, ...]:
    from export.backends.coreml.functions import merge_packages
    from export.backends.coreml.shapes import FUNCTIONS

    if finished.options.shapes != FUNCTIONS:
        return finished.artifacts
    return merge_packages(finished.bundle, finished.artifacts, finished.say)


def _quantizer() -> Quantizer:
    from export.quantization.onnx_qdq import FUSED

    return FUSED


def _row(
    precision: str,
    note: str,
    packages: tuple[str, ...] = ("onnx", "coremltools"),
    extra: str = "coreml",
    on_request: bool = False,
    deployments: tuple[str, ...] = DEPLOYMENTS,
) -> Row:
    return Row(
        "coreml", precision, extra, packages, (), BASIS, ".mlpackage", note, half_safe=True, elsewhere=True,
        on_request=on_request, own_opset=OPSET, deployments=deployments,
    )  # fmt: skip


def _palette_row(bits: int, judged: str = "") -> Row:
    note = f"fp16 with weights from tables of {2**bits} values; opt-in{judged}"
    return _row(f"pal{bits}", note, ("onnx", "coremltools", "sklearn"), "coreml,quantize", on_request=True)


ROWS = (
    _row("fp32", "ML Program in fp32: CPU and GPU only, the Neural Engine has no fp32"),
    _row("fp16", "ML Program in fp16, for the Neural Engine"),
    _row("int8w", "fp16; weights in int8 but for the first and the last convolution, one scale for each channel"),
    _palette_row(8),
    _palette_row(6, ", judged by --max-drop"),
    _palette_row(4, ", judged by --max-drop"),
    _row(
        "int8",
        "dense convolutions in INT8 (ranges from ONNX Runtime's calibration), the rest in fp16; opt-in",
        ("onnx", ONNXRUNTIME.module, "coremltools"), on_request=True, deployments=DEPLOYMENTS[1:],
    ),
)  # fmt: skip

BACKEND = Backend(
    name="coreml",
    rows=ROWS,
    write=_write,
    aliases=("mlpackage", "apple"),
    refused={"bf16": "Core ML computes in fp32 or fp16 only; use coreml-fp16"},
    tools=("coremltools",),
    expand=with_picture_form,
    refuse=_refuse,
    refuse_graph=_refuse_graph,
    after=_after,
    quantizer=_quantizer,
    not_timed="Core ML is timed on a Mac only",
    stand_in=ONNXRUNTIME.name,
    short_names=True,
)
