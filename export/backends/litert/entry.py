"""LiteRT to the exporter: its rows, and where its work is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from export.backends.backend import Backend, Order, with_picture_form
from export.targets.row import BY_ROWS, Row
from runtimes.backends.onnxruntime import ENGINE as ONNXRUNTIME

if TYPE_CHECKING:
    from export.graph.graph import Graph
    from export.quantization.calibrated_graph import Quantizer
    from export.targets.outputs import Written

OPSET = 20  # of the graph that files are made from: it has Gelu as one operator


def _write(order: Order) -> Written:
    from export.backends.litert.write import write

    return write(order)


def _refuse_graph(graph: Graph) -> None:
    from export.backends.litert.translate import require_form

    require_form(graph)


def _quantizer() -> Quantizer:
    from export.backends.litert.quantize import WHOLE

    return WHOLE


def _row(precision: str, note: str, packages: tuple[str, ...] = (), on_request: bool = False) -> Row:
    return Row(
        "litert", precision, "litert", ("onnx", "ai_edge_litert", *packages), (), BY_ROWS, ".tflite", note,
        elsewhere=True, on_request=on_request, own_opset=OPSET, channels_last=True,
    )  # fmt: skip


ROWS = (
    _row("fp32", "LiteRT (TensorFlow Lite): Android, Raspberry Pi; its CPU kernels are XNNPACK's"),
    _row(
        "fp16",
        "weights stored in fp16; computes in fp32, in fp16 where an app tells the delegate to",
        on_request=True,
    ),
    _row(
        "int8w",
        "weights stored in int8, those of the first and the last convolution in fp16; computes in fp32; opt-in",
        on_request=True,
    ),
    _row(
        "int8",
        "dense convolutions in INT8 (ranges from ONNX Runtime's calibration), everything else in fp32; opt-in",
        (ONNXRUNTIME.module,),
        on_request=True,
    ),
)

BACKEND = Backend(
    name="litert",
    rows=ROWS,
    write=_write,
    aliases=("tflite",),
    refused={"bf16": "LiteRT has no bf16 kernels; use litert-fp32"},
    tools=("ai-edge-litert",),
    expand=with_picture_form,
    refuse_graph=_refuse_graph,
    quantizer=_quantizer,
)
