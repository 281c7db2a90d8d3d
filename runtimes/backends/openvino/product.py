"""The product of two matrices on the CPU: how fast OpenVINO multiplies on this machine."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from dlgsanet.errors import UnavailableError
from runtimes.backends.interface.backend import Multiply, Operand
from runtimes.backends.openvino import ENGINE
from runtimes.backends.openvino.devices import native_precisions
from runtimes.backends.openvino.layers import PRECISION_HINT, layers
from runtimes.probe_network import PRODUCT, PRODUCT_SIDE
from runtimes.runner.work_by_precision import by_precision

CPU = "CPU"
_HINTS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16", "int8": "f32"}


def open_product(precision: str, threads: int) -> Multiply:
    """The product of `runtimes.probe_network` on the CPU, in a precision named as in artifact ids.

    Raises UnavailableError without the engine, or where the CPU would compute in another precision.
    """
    if precision not in _HINTS:
        raise UnavailableError(f"no matrix product is known for {ENGINE.name} in {precision}")
    core = ENGINE.load().Core()
    if precision not in native_precisions(core.get_property(CPU, "OPTIMIZATION_CAPABILITIES")):
        raise UnavailableError(f"this CPU has no {precision} in OpenVINO")
    settings: dict[str, str | int] = {
        PRECISION_HINT: _HINTS[precision],
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
    }
    if precision == "int8":
        return _Integers(core, settings)
    request = core.compile_model(core.read_model(PRODUCT.read_bytes(), b""), CPU, settings).create_infer_request()
    return lambda a, b: request.infer({"a": a, "b": b})


class _Integers:
    """OpenVINO multiplies integers where one side is a constant, as weights are: `b` of the first call."""

    def __init__(self, core: Any, settings: dict[str, str | int]) -> None:
        self._core, self._settings = core, settings
        self._request: Any = None

    def __call__(self, a: Operand, b: Operand) -> object:
        if self._request is None:
            compiled = self._core.compile_model(_network(b), CPU, self._settings)
            if list(by_precision(layers(compiled))) != ["int8"]:
                raise UnavailableError("OpenVINO computes the product of integers in another precision here")
            self._request = compiled.create_infer_request()
        return self._request.infer([a])


def _network(b: Operand) -> object:
    """PRODUCT_INT8 with its second matrix inside, in operations that OpenVINO takes for quantized ones."""
    openvino, ops = ENGINE.load(), import_module(f"{ENGINE.module}.opset13")

    def real(integers: Any, zero: float, scale: float) -> Any:
        return ops.multiply(ops.subtract(ops.convert(integers, "f32"), np.float32(zero)), np.float32(scale))

    a = ops.parameter([PRODUCT_SIDE, PRODUCT_SIDE], np.uint8, "a")
    product = ops.matmul(real(a, 128, 1 / 255), real(ops.constant(b), 0, 1 / 127), False, False)
    low, high = np.float32(-128), np.float32(127)
    rounded = ops.fake_quantize(product, low, high, low, high, 256)
    return openvino.Model([ops.result(rounded)], [a], "product")
