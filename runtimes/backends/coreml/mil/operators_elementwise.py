"""Operators that treat every element by itself. Floats are carried as float32 whatever their type in the program.

Semantics are those of the MIL operator reference (https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from dlgsanet.errors import InputError
from runtimes.backends.coreml.mil.tensor_types import NUMPY, Anything

Arguments = Mapping[str, Anything]
"""By parameter; in the place of `values` stands a tuple of arrays."""

Operator = tuple[Callable[[Arguments], Anything | tuple[Anything, ...]], tuple[str, ...], tuple[str, ...]]
"""What computes it, the parameters that it must have, those that it may have."""

_ERFC = (
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806,
    0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277,
)  # fmt: skip
"""Coefficients of a Chebyshev fit of log(erfc(x) exp(x^2) / t) in t = 1 / (1 + x / 2); relative error below 1.2e-7
for every x >= 0 (Press et al., Numerical Recipes, section 6.2)."""

_ZERO = np.zeros((), np.float32)
_INTEGER_RANGES = {"int8": (-128, 127), "uint8": (0, 255)}


def erfc(x: Anything) -> Anything:
    """The complementary error function: absolute error below 5e-7, relative below 5e-6 up to x = 6."""
    size = np.abs(x)
    t = 1 / (1 + np.float32(0.5) * size)
    power = np.full_like(t, _ERFC[-1])
    for coefficient in _ERFC[-2::-1]:
        power *= t
        power += np.float32(coefficient)
    tail = t * np.exp(power - size * size)
    return np.asarray(np.where(x >= 0, tail, 2 - tail))


def _erf(a: Arguments) -> Anything:
    return 1 - erfc(a["x"])


def binary(function: Callable[[Anything, Anything], Anything]) -> Callable[[Arguments], Anything]:
    """x, y -> function(x, y), broadcast."""
    return lambda a: function(a["x"], a["y"])


def unary(function: Callable[[Anything], Anything]) -> Callable[[Arguments], Anything]:
    """x -> function(x)."""
    return lambda a: function(a["x"])


def gelu(a: Arguments) -> Anything:
    """EXACT: x/2 (1 + erf(x / sqrt 2)); TANH_APPROXIMATION: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)));
    SIGMOID_APPROXIMATION: x sigmoid(1.702 x)."""
    x, mode = a["x"], str(a.get("mode", "EXACT"))
    if mode == "EXACT":
        return np.float32(0.5) * x * erfc(x * np.float32(-(0.5**0.5)))
    if mode == "TANH_APPROXIMATION":
        inner = np.float32((2 / np.pi) ** 0.5) * (x + np.float32(0.044715) * x * x * x)
        return np.asarray(np.float32(0.5) * x * (1 + np.tanh(inner)))
    if mode == "SIGMOID_APPROXIMATION":
        return x * sigmoid(np.float32(1.702) * x)
    raise InputError(f"gelu: the mode {mode} is not known; export again")


def sigmoid(x: Anything) -> Anything:
    """1 / (1 + exp(-x)), without overflow."""
    return np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * x))


def softplus(x: Anything) -> Anything:
    """log(1 + exp(x)), without overflow."""
    return np.asarray(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))


def rsqrt(a: Arguments) -> Anything:
    """1 / sqrt(x + epsilon)."""
    return 1 / np.sqrt(a["x"] + np.float32(a.get("epsilon", 1e-12)))


def inverse(a: Arguments) -> Anything:
    """1 / (x + epsilon)."""
    return 1 / (a["x"] + np.float32(a.get("epsilon", 1e-4)))


def leaky_relu(a: Arguments) -> Anything:
    """x, or alpha x below 0."""
    return np.asarray(np.where(a["x"] >= 0, a["x"], np.float32(a["alpha"]) * a["x"]))


def prelu(a: Arguments) -> Anything:
    """x, or alpha x below 0, with an alpha for each channel (axis 1)."""
    x = a["x"]
    slopes = np.asarray(a["alpha"], np.float32).reshape(1, -1, *[1] * (x.ndim - 2))
    return np.asarray(np.where(x > 0, x, slopes * x))


def elu(a: Arguments) -> Anything:
    """x, or alpha (exp(x) - 1) at most 0."""
    x = a["x"]
    return np.asarray(np.where(x > 0, x, np.float32(a["alpha"]) * np.expm1(np.minimum(x, 0))))


def sigmoid_hard(a: Arguments) -> Anything:
    """min(max(alpha x + beta, 0), 1)."""
    return np.asarray(np.clip(np.float32(a["alpha"]) * a["x"] + np.float32(a["beta"]), 0, 1))


def clip(a: Arguments) -> Anything:
    """min(max(x, alpha), beta)."""
    return np.clip(a["x"], a["alpha"], a["beta"])


def cast(a: Arguments) -> Anything:
    """To another type; floats become integers by cutting. fp16 is rounded by the executor, as every result."""
    kind = str(a["dtype"])
    if kind not in NUMPY:
        raise InputError(f"cast: the type {kind} is not known; export again")
    return a["x"].astype(np.float32 if kind in ("fp16", "fp32") else NUMPY[kind])


def quantize(a: Arguments) -> Anything:
    """round(input / scale) + zero_point, saturated to int8 or uint8; scale and zero_point scalars or along axis."""
    kind = str(a["output_dtype"])
    if kind not in _INTEGER_RANGES:
        raise InputError(f"quantize: the type {kind} is not known; export again")
    scale, zero = per_axis(a["scale"], a), per_axis(a.get("zero_point", _ZERO), a)
    low, high = _INTEGER_RANGES[kind]
    return np.asarray(np.clip(np.rint(a["input"] / scale) + zero, low, high)).astype(NUMPY[kind])


def dequantize(a: Arguments) -> Anything:
    """(input - zero_point) scale; scale and zero_point scalars or along axis."""
    scale, zero = per_axis(a["scale"], a), per_axis(a.get("zero_point", _ZERO), a)
    return (a["input"].astype(np.float32) - zero) * scale


def per_axis(value: Anything, a: Arguments) -> Anything:
    """A scalar as it is, a vector shaped to broadcast along `axis` of `input`; both as float32."""
    array = np.asarray(value, np.float32)
    if array.ndim == 0:
        return array
    shape = [1] * a["input"].ndim
    shape[int(a["axis"])] = -1
    return array.reshape(shape)


ELEMENTWISE: dict[str, Operator] = {
    "abs": (unary(np.abs), ("x",), ()),
    "add": (binary(np.add), ("x", "y"), ()),
    "cast": (cast, ("x", "dtype"), ()),
    "clip": (clip, ("x", "alpha", "beta"), ()),
    "cos": (unary(np.cos), ("x",), ()),
    "dequantize": (dequantize, ("input", "scale"), ("zero_point", "axis")),
    "elu": (elu, ("x", "alpha"), ()),
    "erf": (_erf, ("x",), ()),
    "exp": (unary(np.exp), ("x",), ()),
    "gelu": (gelu, ("x",), ("mode",)),
    "identity": (unary(lambda x: x), ("x",), ()),
    "inverse": (inverse, ("x",), ("epsilon",)),
    "leaky_relu": (leaky_relu, ("x", "alpha"), ()),
    "maximum": (binary(np.maximum), ("x", "y"), ()),
    "minimum": (binary(np.minimum), ("x", "y"), ()),
    "mul": (binary(np.multiply), ("x", "y"), ()),
    "pow": (binary(np.power), ("x", "y"), ()),
    "prelu": (prelu, ("x", "alpha"), ()),
    "quantize": (quantize, ("input", "scale", "output_dtype"), ("zero_point", "axis")),
    "real_div": (binary(np.divide), ("x", "y"), ()),
    "relu": (unary(lambda x: np.maximum(x, 0)), ("x",), ()),
    "round": (unary(np.rint), ("x",), ()),
    "rsqrt": (rsqrt, ("x",), ("epsilon",)),
    "sigmoid": (unary(sigmoid), ("x",), ()),
    "sigmoid_hard": (sigmoid_hard, ("x", "alpha", "beta"), ()),
    "silu": (unary(lambda x: x * sigmoid(x)), ("x",), ()),
    "sin": (unary(np.sin), ("x",), ()),
    "softplus": (unary(softplus), ("x",), ()),
    "softsign": (unary(lambda x: x / (1 + np.abs(x))), ("x",), ()),
    "sqrt": (unary(np.sqrt), ("x",), ()),
    "square": (unary(np.square), ("x",), ()),
    "sub": (binary(np.subtract), ("x", "y"), ()),
    "tanh": (unary(np.tanh), ("x",), ()),
}
"""Kind -> (function, required parameters, optional parameters)."""
