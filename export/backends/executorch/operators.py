"""How each ONNX operator of a graph is computed in PyTorch. The table at the end is everything known.

What ExecuTorch's delegates are given is written so that they know it: matrix products with one batch axis, splits as
slices, shapes as plain numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dlgsanet.errors import InputError
from export.graph.attributes import Attribute, Attributed

ADVICE = "leave executorch out of --to"


@dataclass(frozen=True)
class NodeInputs(Attributed):
    """One ONNX node at work: `given` are the values of its inputs (None where one is left out), `integers` those of
    them that are constants of whole numbers, `reals` those that are a single constant, `shapes` those of its
    outputs."""

    name: str
    attributes: Mapping[str, Attribute]
    given: Sequence[Tensor | None]
    integers: Sequence[tuple[int, ...] | None]
    reals: Sequence[float | None]
    shapes: Sequence[tuple[int, ...]]

    def tensor(self, index: int = 0) -> Tensor:
        found = self.given[index]
        assert found is not None
        return found

    def has(self, index: int) -> bool:
        """Whether there is such an input."""
        return len(self.given) > index and self.given[index] is not None

    def whole(self, index: int) -> tuple[int, ...]:
        """A constant of whole numbers. Raises InputError where it is none."""
        found = self.integers[index]
        if found is None:
            raise InputError(f"{self.name}: ExecuTorch needs a constant there: {ADVICE}")
        return found

    def constant(self, index: int) -> float:
        """A single constant. Raises InputError where it is none."""
        found = self.reals[index]
        if found is None:
            raise InputError(f"{self.name}: ExecuTorch needs a constant there: {ADVICE}")
        return found


Values = tuple[Tensor, ...]
Compute = Callable[[NodeInputs], Values]


def _unary(function: Callable[[Tensor], Tensor]) -> Compute:
    return lambda node: (function(node.tensor()),)


def _binary(function: Callable[[Tensor, Tensor], Tensor]) -> Compute:
    return lambda node: (function(node.tensor(0), node.tensor(1)),)


def _conv(node: NodeInputs) -> Values:
    """A convolution of two dimensions; zeros that are not the same on both sides are written out."""
    x, weight = node.tensor(0), node.tensor(1)
    if weight.ndim != 4:
        raise _no_form(node, f"a convolution of {weight.ndim - 2} dimensions")
    top, left, bottom, right = node.numbers("pads", (0, 0, 0, 0))
    if (top, left) != (bottom, right):
        x, top, left = F.pad(x, (left, right, top, bottom)), 0, 0
    bias = node.tensor(2) if node.has(2) else None
    strides, dilations = node.numbers("strides", (1, 1)), node.numbers("dilations", (1, 1))
    return (F.conv2d(x, weight, bias, strides, (top, left), dilations, node.number("group", 1)),)


def _matmul(node: NodeInputs) -> Values:
    """As products of matrices with one batch axis, the only ones that delegates have."""
    a, b = node.tensor(0), node.tensor(1)
    if min(a.ndim, b.ndim) < 2:
        raise _no_form(node, "a product with a vector")
    if b.ndim == 2:
        made = torch.bmm(a.reshape(1, -1, a.shape[-1]), b.reshape(1, *b.shape))
    else:
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a, b = (x if x.shape[:-2] == batch else x.expand(*batch, *x.shape[-2:]) for x in (a, b))
        made = torch.bmm(a.reshape(-1, *a.shape[-2:]), b.reshape(-1, *b.shape[-2:]))
    return (made.reshape(node.shapes[0]),)


def _axes(node: NodeInputs) -> tuple[int, ...]:
    return node.whole(1) if node.has(1) else node.numbers("axes", tuple(range(node.tensor().ndim)))


def _reduce(function: Callable[[Tensor, tuple[int, ...], bool], Tensor]) -> Compute:
    return lambda node: (function(node.tensor(), _axes(node), bool(node.number("keepdims", 1))),)


def _mean(x: Tensor, axes: tuple[int, ...], keep: bool) -> Tensor:
    """XNNPACK averages pictures over both sides and nothing else, so a single axis becomes one."""
    if len(axes) != 1:
        return torch.mean(x, axes, keep)
    axis = axes[0] % x.ndim
    rest = [each for each in range(x.ndim) if each != axis]
    shape = [x.shape[each] for each in rest]
    made = x.permute(*rest, axis).reshape(1, -1, x.shape[axis], 1).mean((2, 3), keepdim=True)
    shape[axis:axis] = [1] if keep else []
    return made.reshape(shape)


def _reductions(mean: Callable[[Tensor, tuple[int, ...], bool], Tensor]) -> dict[str, Compute]:
    """What is made of averages."""

    def total(x: Tensor, axes: tuple[int, ...], keep: bool) -> Tensor:
        return mean(x, axes, keep) * float(prod(x.shape[axis] for axis in axes))

    return {
        "ReduceL2": _reduce(lambda x, axes, keep: torch.sqrt(total(x * x, axes, keep))),
        "ReduceMean": _reduce(mean),
        "ReduceSum": _reduce(total),
    }


def _slice(node: NodeInputs) -> Values:
    x = node.tensor()
    starts, stops = node.whole(1), node.whole(2)
    axes = node.whole(3) if node.has(3) else tuple(range(len(starts)))
    steps = node.whole(4) if node.has(4) else (1,) * len(starts)
    if min(steps) < 1:
        raise _no_form(node, f"a slice in steps of {steps}")
    for start, stop, axis, step in zip(starts, stops, axes, steps, strict=True):
        places = range(x.shape[axis])[start:stop:step]
        x = x[(slice(None),) * (axis % x.ndim) + (slice(places.start, places.stop, step),)]
    return (x,)


def _split(node: NodeInputs) -> Values:
    axis, start = node.number("axis", 0), 0
    parts = []
    for shape in node.shapes:
        parts.append(node.tensor().narrow(axis, start, shape[axis]))
        start += shape[axis]
    return tuple(parts)


def _pad(node: NodeInputs) -> Values:
    """With a constant, or by reflection."""
    x, pads, mode = node.tensor(), node.whole(1), str(node.attributes.get("mode", "constant"))
    if node.has(3) or mode not in ("constant", "reflect") or (mode == "reflect" and x.ndim != 4):
        raise _no_form(node, f"a padding of mode {mode} by {pads}")
    pairs = [(pads[axis], pads[axis + x.ndim]) for axis in reversed(range(x.ndim))]
    if mode == "reflect":
        return (F.pad(x, [side for pair in pairs[:2] for side in pair], mode="reflect"),)
    fill = node.constant(2) if node.has(2) else 0.0
    while len(pairs) > 1 and pairs[-1] == (0, 0):
        pairs.pop()
    return (F.pad(x, [side for pair in pairs for side in pair], value=fill),)


def _depth_to_space(node: NodeInputs) -> Values:
    x, size = node.tensor(), node.number("blocksize")
    if node.attributes.get("mode", "DCR") == "CRD":
        return (F.pixel_shuffle(x, size),)
    n, c, h, w = x.shape
    blocks = x.reshape(n, size, size, c // size**2, h, w).permute(0, 3, 4, 1, 5, 2)
    return (blocks.reshape(node.shapes[0]),)


def _clip(node: NodeInputs) -> Values:
    least, most = (node.constant(index) if node.has(index) else None for index in (1, 2))
    return (torch.clamp(node.tensor(), least, most),)


def _no_form(node: NodeInputs, what: str) -> InputError:
    return InputError(f"{node.name}: no form of {what} is known for ExecuTorch: {ADVICE}")


OPERATORS: dict[str, Compute] = {
    "Abs": _unary(torch.abs),
    "Add": _binary(torch.add),
    "Clip": _clip,
    "Concat": lambda node: (torch.cat([each for each in node.given if each is not None], node.number("axis")),),
    "Conv": _conv,
    "DepthToSpace": _depth_to_space,
    "Div": _binary(torch.div),
    "Exp": _unary(torch.exp),
    "Gelu": lambda node: (F.gelu(node.tensor(), approximate=str(node.attributes.get("approximate", "none"))),),
    "Identity": lambda node: (node.tensor(),),
    "LeakyRelu": lambda node: (F.leaky_relu(node.tensor(), node.real("alpha", 0.01)),),
    "MatMul": _matmul,
    "Max": _binary(torch.maximum),
    "Min": _binary(torch.minimum),
    "Mul": _binary(torch.mul),
    "Neg": _unary(torch.neg),
    "Pad": _pad,
    "ReduceMax": _reduce(torch.amax),
    "ReduceMin": _reduce(torch.amin),
    "Relu": _unary(torch.relu),
    "Reshape": lambda node: (node.tensor().reshape(node.shapes[0]),),
    "Sigmoid": _unary(torch.sigmoid),
    "Slice": _slice,
    "Softmax": lambda node: (torch.softmax(node.tensor(), node.number("axis", -1)),),
    "Split": _split,
    "Sqrt": _unary(torch.sqrt),
    "Sub": _binary(torch.sub),
    "Tanh": _unary(torch.tanh),
    "Transpose": lambda node: (node.tensor().permute(node.numbers("perm")),),
    **_reductions(_mean),
}

VULKAN_OPERATORS: dict[str, Compute] = {**OPERATORS, **_reductions(torch.mean)}
"""For Vulkan's delegate, whose textures a picture with a channel for each pixel does not fit in."""
