"""TensorRT and TensorRT-RTX to the exporter: their rows, and where their work is done."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from export.backends.backend import Backend, Finished, Order
from export.targets.row import BASIS_FUSED, Row
from runtimes.backends.onnxruntime import ENGINE as ONNXRUNTIME

if TYPE_CHECKING:
    from export.graph.graph import Graph
    from export.quantization.calibrated_graph import Quantizer
    from export.targets.outputs import Written
    from export.targets.table import Target, TargetOptions
    from runtimes.bundle.manifest import Artifact

NEWEST_OPSET = 19  # that this project gives TensorRT, see runtimes.backends.tensorrt.lint.rules
CAPABILITIES = ("sm86", "sm89", "sm120")  # GPUs that TensorRT-RTX engines are compiled for
MORE_KERNELS = ("split-qkv", "split-gdfn", "turn-stream")  # passes that spare CPUs a copy, and cost GPUs kernels


def _write(order: Order) -> Written:
    from export.backends.tensorrt.write import write

    return write(order)


def _write_engine(order: Order) -> Written:
    from export.backends.tensorrt.write import write_engine

    return write_engine(order)


def _refuse_graph(graph: Graph) -> None:
    from export.backends.tensorrt.typed_graphs import require_known

    require_known(graph)


def _after(finished: Finished) -> tuple[Artifact, ...]:
    """Beside the files, how to build engines of them by hand."""
    from export.backends.tensorrt.build_recipe import recipe

    page = recipe(finished.model, finished.artifacts)
    (finished.bundle / "tensorrt" / "README.md").write_text(page, encoding="utf-8")
    return finished.artifacts


def _expand_gpus(row: Row, tile: tuple[int, int], options: TargetOptions) -> tuple[Target, ...]:
    """An engine for each kind of GPU."""
    from export.targets.table import plain_target

    target = plain_target(row, tile, options)
    return tuple(replace(target, sm=capability) for capability in CAPABILITIES)


def _quantizer() -> Quantizer:
    from export.quantization.onnx_qdq import SYMMETRIC

    return SYMMETRIC


def _row(precision: str, note: str, on_request: bool = False) -> Row:
    return Row(
        "tensorrt", precision, "export", ("onnx", ONNXRUNTIME.module), (), BASIS_FUSED, ".onnx", note,
        without=MORE_KERNELS, elsewhere=True, on_request=on_request, newest_opset=NEWEST_OPSET,
    )  # fmt: skip


def _engine_row(row: Row) -> Row:
    more = "; opt-in" if row.on_request else ""
    note = f"engines of {row.name}, compiled here without a GPU: one each for {', '.join(CAPABILITIES)}{more}"
    packages = (*row.packages, "tensorrt_rtx")
    return replace(row, backend="tensorrt-rtx", extra="tensorrt-rtx", packages=packages, files=".engine", note=note)


ROWS = (
    _row("fp32", "typed ONNX that `dlgsanet build` makes an engine of, on the device that will run it"),
    _row("fp16", "the same in fp16, with the sums of norms in fp32"),
    _row(
        "int8",
        "the same with dense convolutions in INT8 (Q/DQ, calibrated), in two forms of scales; opt-in",
        on_request=True,
    ),
)

NOT_TIMED = "engines are built where they will run"

BACKEND = Backend(
    name="tensorrt",
    rows=ROWS,
    write=_write,
    aliases=("trt", "engine"),
    refused={
        "bf16": "ONNX has bf16 convolutions from operator set 22 on, which TensorRT 10 does not read; use tensorrt-fp16"
    },
    refuse_graph=_refuse_graph,
    after=_after,
    quantizer=_quantizer,
    not_timed=NOT_TIMED,
    stand_in=ONNXRUNTIME.name,
)

RTX_BACKEND = Backend(
    name="tensorrt-rtx",
    rows=tuple(_engine_row(row) for row in ROWS),
    write=_write_engine,
    tools=("tensorrt-rtx",),
    expand=_expand_gpus,
    refuse_graph=_refuse_graph,
    quantizer=_quantizer,
    not_timed=NOT_TIMED,
    stand_in=ONNXRUNTIME.name,
)
