"""OpenVINO to the exporter: its rows, and where its work is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from export.backends.backend import Backend, Order
from export.targets.row import BASIS, Row

if TYPE_CHECKING:
    from export.quantization.calibrated_graph import Quantizer
    from export.targets.outputs import Written


def _write(order: Order) -> Written:
    from export.backends.openvino.write import write

    return write(order)


def _quantizer() -> Quantizer:
    from export.backends.openvino.quantize import NNCF

    return NNCF


def _hint(precision: str) -> tuple[tuple[str, str], ...]:
    return (("INFERENCE_PRECISION_HINT", precision),)


_BASE, _WITH_NNCF = ("onnx", "openvino"), ("onnx", "openvino", "nncf")

ROWS = (
    Row(
        "openvino", "fp32", "openvino", _BASE, _hint("f32"), BASIS, ".xml + .bin",
        "OpenVINO IR; without the pinned hint newer CPUs would compute in bf16",
    ),
    Row(
        "openvino", "bf16", "openvino", _BASE, _hint("bf16"), BASIS, ".xml + .bin",
        "the weights stay fp32 in the file; the engine computes in bf16 where the CPU can, but for the first and the "
        "last convolution",
        fp32_ends=True,
    ),
    Row(
        "openvino", "fp16", "openvino", _BASE, _hint("f16"), BASIS, ".xml + .bin",
        "weights stored in fp16 (half the size); computes in fp16 where the device can",
        half_safe=True,
    ),
    Row(
        "openvino", "int8w", "openvino,quantize", _WITH_NNCF, _hint("f32"), BASIS, ".xml + .bin",
        "weights stored in int8, those of the first and the last convolution in fp16 (a third of the size); computes "
        "in fp32; opt-in",
        on_request=True,
    ),
    Row(
        "openvino", "int8", "openvino,quantize", _WITH_NNCF, _hint("f32"), BASIS, ".xml + .bin",
        "dense convolutions in INT8 (NNCF, calibrated), everything else in fp32; opt-in",
        on_request=True,
    ),
    Row(
        "openvino", "int8-mixed", "openvino,quantize", _WITH_NNCF, _hint("bf16"), BASIS, ".xml + .bin",
        "dense convolutions in INT8 (NNCF, calibrated), everything else in bf16 but for the first and the last "
        "convolution; opt-in",
        fp32_ends=True, on_request=True,
    ),
)  # fmt: skip

BACKEND = Backend(
    name="openvino",
    rows=ROWS,
    write=_write,
    aliases=("ov",),
    tools=("openvino", "nncf"),
    quantizer=_quantizer,
)
