"""ExecuTorch to the exporter, with XNNPACK, with Core ML and with Vulkan: their rows, and where the work is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from export.backends.backend import Backend, Order
from export.backends.coreml.entry import BACKEND as COREML
from export.targets.row import BASIS, BY_ROWS, Row
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


def _write_coreml(order: Order) -> Written:
    from export.backends.executorch.write import write_coreml

    return write_coreml(order)


def _write_vulkan(order: Order) -> Written:
    from export.backends.executorch.write import write_vulkan

    return write_vulkan(order)


def _refuse_graph(graph: Graph) -> None:
    from export.backends.executorch.onnx_module import require_form

    require_form(graph)


def _refuse_vulkan_graph(graph: Graph) -> None:
    from export.backends.executorch.vulkan_forms import require_vulkan_form

    require_vulkan_form(graph)


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

COREML_ROW = Row(
    "executorch-coreml", "fp16", "executorch,coreml", ("onnx", "torchao", "executorch", *COREML.tools), (), BASIS,
    ".pte", "ExecuTorch with Core ML, for apps on Apple devices; every operator is Core ML's; compiling takes minutes",
    half_safe=True, elsewhere=True, own_opset=OPSET,
)  # fmt: skip

VULKAN_ROWS = tuple(
    Row(
        "executorch-vulkan", precision, "executorch", ("onnx", "torchao", "executorch"), (), BASIS, ".pte",
        f"ExecuTorch with Vulkan in {precision}, for apps on Android's GPUs; every operator is Vulkan's; compiling "
        "takes minutes",
        half_safe=precision == "fp16", elsewhere=True, own_opset=OPSET,
    )
    for precision in ("fp32", "fp16")
)  # fmt: skip

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
    stand_in=ONNXRUNTIME.name,
)

COREML_BACKEND = Backend(
    name="executorch-coreml",
    rows=(COREML_ROW,),
    write=_write_coreml,
    refused={
        "fp32": "the Neural Engine has no fp32; use executorch-coreml-fp16, or coreml-fp32",
        "bf16": "Core ML computes in fp32 or fp16 only; use executorch-coreml-fp16",
    },
    tools=("executorch", "torchao", *COREML.tools),
    refuse_graph=_refuse_graph,
    not_timed=NOT_TIMED,
)

VULKAN_BACKEND = Backend(
    name="executorch-vulkan",
    rows=VULKAN_ROWS,
    write=_write_vulkan,
    refused={
        "bf16": "Vulkan's delegate computes in fp32 or fp16 only; use executorch-vulkan-fp16",
        "int8": "no INT8 program of Vulkan's delegate was tried; use executorch-vulkan-fp16",
        "int8w": "no INT8 program of Vulkan's delegate was tried; use executorch-vulkan-fp16",
    },
    tools=("executorch", "torchao"),
    refuse_graph=_refuse_vulkan_graph,
    not_timed=NOT_TIMED,
)
