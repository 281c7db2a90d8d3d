"""ExecuTorch to the exporter: its rows, and where its work is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from export.backends.backend import Backend, Order
from export.targets.row import BY_ROWS, Row
from runtimes.backends.onnxruntime import ENGINE as ONNXRUNTIME

if TYPE_CHECKING:
    from export.graph.graph import Graph
    from export.quantization.calibrated_graph import Quantizer
    from export.targets.outputs import Written

OPSET = 20  # of the graph that files are made from: it has Gelu as one operator
NOT_TIMED = "ExecuTorch takes minutes to compile each form"


def _write(order: Order) -> Written:
    from export.backends.executorch.write import write

    return write(order)


def _refuse_graph(graph: Graph) -> None:
    from export.backends.executorch.onnx_module import require_form

    require_form(graph)


def _quantizer() -> Quantizer:
    from export.quantization.onnx_qdq import FUSED

    return FUSED


def _row(precision: str, note: str, packages: tuple[str, ...] = (), on_request: bool = False) -> Row:
    return Row(
        "executorch", precision, "executorch", ("onnx", "torchao", "executorch", *packages), (), BY_ROWS, ".pte", note,
        elsewhere=True, on_request=on_request, own_opset=OPSET,
    )  # fmt: skip


ROWS = (
    _row("fp32", "ExecuTorch with XNNPACK: Android, iOS, embedded Linux; compiling takes minutes"),
    _row(
        "int8",
        "dense convolutions in INT8 (ranges from ONNX Runtime's calibration), everything else in fp32; opt-in",
        (ONNXRUNTIME.module,),
        on_request=True,
    ),
)

BACKEND = Backend(
    name="executorch",
    rows=ROWS,
    write=_write,
    refused={
        "fp16": "XNNPACK has no Gelu in fp16; use executorch-fp32",
        "bf16": "XNNPACK has no bf16 kernels; use executorch-fp32",
        "int8w": "XNNPACK's convolutions take INT8 weights with INT8 pictures only; use executorch-int8",
    },
    tools=("executorch", "torchao"),
    refuse_graph=_refuse_graph,
    quantizer=_quantizer,
    not_timed=NOT_TIMED,
)
