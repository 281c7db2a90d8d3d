"""ONNX Runtime to the exporter: its rows, and where its work is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from export.backends.backend import Backend, Order
from export.targets.row import BASIS, Row

if TYPE_CHECKING:
    from export.backends.backend import Finished
    from export.quantization.calibrated_graph import Quantizer
    from export.targets.outputs import Written
    from runtimes.bundle.manifest import Artifact


def _write(order: Order) -> Written:
    from export.backends.onnxruntime.write import write

    return write(order)


def _after(finished: Finished) -> tuple[Artifact, ...]:
    from export.backends.onnxruntime.vapoursynth import add_script

    return add_script(finished)


def _quantizer() -> Quantizer:
    from export.quantization.onnx_qdq import FUSED

    return FUSED


ROWS = (
    Row(
        "onnxruntime", "fp32", "export", ("onnx",), (), BASIS, ".onnx",
        "ONNX; runs in ONNX Runtime on any of its execution providers",
    ),
    Row(
        "onnxruntime", "int8w", "export", ("onnx",), (), BASIS, ".onnx",
        "weights stored in int8, those of the first and the last convolution in fp16; computes in fp32; opt-in",
        on_request=True,
    ),
    Row(
        "onnxruntime", "int8", "export", ("onnx", "onnxruntime"), (), BASIS, ".onnx",
        "dense convolutions in INT8 (Q/DQ, calibrated), everything else in fp32; opt-in",
        on_request=True,
    ),
)  # fmt: skip

BACKEND = Backend(
    name="onnxruntime",
    rows=ROWS,
    write=_write,
    aliases=("onnx", "ort"),
    refused={
        "bf16": "ONNX Runtime has no bf16 convolution on CPUs; use openvino-bf16",
        "fp16": "ONNX Runtime computes fp16 as casts around fp32 on CPUs; use openvino-fp16",
    },
    tools=("onnxruntime",),
    after=_after,
    quantizer=_quantizer,
)
