"""How each operation of a rewritten network is written in ONNX. The table at the end is everything known."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlgsanet.errors import BackendError

GELU_SINCE = 20  # the operator set that has Gelu; before, it is written with Erf

Operand = str | float | Tensor
"""A tensor of the graph by its name, or a constant."""


class Writer(Protocol):
    """What an operation needs from the graph under construction. Values are tensor names."""

    opset: int

    def node(self, kind: str, inputs: Sequence[str], **attributes: object) -> str:
        """Add a node with one output; return the output's name."""

    def nodes_of(self, kind: str, inputs: Sequence[str], count: int, **attributes: object) -> tuple[str, ...]:
        """Add a node with `count` outputs; return their names."""

    def floats(self, value: float | Tensor, hint: str = ...) -> str:
        """The name of a float32 constant: a Python number or a tensor."""

    def ints(self, values: Sequence[int]) -> str:
        """The name of an int64 vector."""


def convolution(w: Writer, conv: nn.Conv2d, x: str) -> str:
    inputs = [x, w.floats(conv.weight, "weight")]
    if conv.bias is not None:
        inputs.append(w.floats(conv.bias, "bias"))
    pad_h, pad_w = (int(side) for side in conv.padding)
    return w.node(
        "Conv",
        inputs,
        group=conv.groups,
        kernel_shape=list(conv.kernel_size),
        pads=[pad_h, pad_w, pad_h, pad_w],
        strides=list(conv.stride),
        dilations=list(conv.dilation),
    )


def pixel_shuffle(w: Writer, shuffle: nn.PixelShuffle, x: str) -> str:
    return w.node("DepthToSpace", [x], blocksize=shuffle.upscale_factor, mode="CRD")


def _binary(kind: str) -> Callable[..., str]:
    def write(w: Writer, a: Operand, b: Operand) -> str:
        return w.node(kind, [_value(w, a), _value(w, b)])

    return write


def _reduce(kind: str) -> Callable[..., str]:
    def write(w: Writer, x: str, dim: int, keepdim: bool = False) -> str:
        return w.node(kind, [x, w.ints([dim])], keepdims=int(keepdim))

    return write


def _norm(w: Writer, x: str, order: int, dim: int, keepdim: bool = False) -> str:
    if order != 2:
        raise BackendError(f"expected the L2 norm, found order {order}: extend export/graph/operations.py")
    return w.node("ReduceL2", [x, w.ints([dim])], keepdims=int(keepdim))


def _gelu(w: Writer, x: str) -> str:
    if w.opset >= GELU_SINCE:
        return w.node("Gelu", [x], approximate="none")
    # This order of operations is the one that ONNX Runtime and OpenVINO fuse back into one Gelu.
    erf = w.node("Erf", [w.node("Div", [x, w.floats(math.sqrt(2.0))])])
    product = w.node("Mul", [x, w.node("Add", [erf, w.floats(1.0)])])
    return w.node("Mul", [product, w.floats(0.5)])


def _pad(w: Writer, x: str, pads: Sequence[int], mode: str = "constant", value: float | None = None) -> str:
    """`pads`: (left, right, top, bottom) of the last two dimensions, zeros."""
    if mode != "constant" or value or len(pads) != 4:
        raise BackendError(f"expected zeros on two axes, found {mode} {value}: extend export/graph/operations.py")
    left, right, top, bottom = pads
    return w.node("Pad", [x, w.ints([0, 0, top, left, 0, 0, bottom, right])], mode="constant")


def _narrow(w: Writer, x: str, dim: int, start: int, length: int) -> str:
    return w.node("Slice", [x, w.ints([start]), w.ints([start + length]), w.ints([dim])])


def _split(w: Writer, x: str, sizes: Sequence[int], dim: int = 0) -> tuple[str, ...]:
    return w.nodes_of("Split", [x, w.ints(sizes)], len(sizes), axis=dim)


def _item(w: Writer, parts: tuple[str, ...], index: int) -> str:
    return parts[index]


def _reshape(w: Writer, x: str, *shape: int | Sequence[int]) -> str:
    """`shape`: the sizes one by one, or as one list."""
    sizes = [int(size) for part in shape for size in (part if isinstance(part, Sequence) else (part,))]
    return w.node("Reshape", [x, w.ints(sizes)])


def _concat(w: Writer, parts: Sequence[str], dim: int) -> str:
    return w.node("Concat", list(parts), axis=dim)


def _permute(w: Writer, x: str, *order: int) -> str:
    return w.node("Transpose", [x], perm=list(order))


def _clamp_min(w: Writer, x: str, least: float) -> str:
    return w.node("Max", [x, w.floats(least)])


def _unary(kind: str) -> Callable[..., str]:
    def write(w: Writer, x: str) -> str:
        return w.node(kind, [x])

    return write


def _softmax(w: Writer, x: str, dim: int) -> str:
    return w.node("Softmax", [x], axis=dim)


def _value(w: Writer, value: Operand) -> str:
    return value if isinstance(value, str) else w.floats(value)


# Keyed by what symbolic tracing records: a function, or the name of a tensor's method.
OPERATIONS: dict[object, Callable[..., object]] = {
    operator.add: _binary("Add"),
    operator.sub: _binary("Sub"),
    operator.mul: _binary("Mul"),
    operator.truediv: _binary("Div"),
    operator.matmul: _binary("MatMul"),
    torch.mean: _reduce("ReduceMean"),
    torch.sum: _reduce("ReduceSum"),
    torch.amax: _reduce("ReduceMax"),
    torch.maximum: _binary("Max"),
    torch.abs: _unary("Abs"),
    torch.linalg.vector_norm: _norm,
    torch.sqrt: _unary("Sqrt"),
    torch.clamp_min: _clamp_min,
    torch.cat: _concat,
    F.gelu: _gelu,
    F.relu: lambda w, x, inplace=False: w.node("Relu", [x]),
    F.pad: _pad,
    operator.getitem: _item,
    torch.split: _split,
    "narrow": _narrow,
    "reshape": _reshape,
    "permute": _permute,
    "softmax": _softmax,
    "sigmoid": _unary("Sigmoid"),
}
