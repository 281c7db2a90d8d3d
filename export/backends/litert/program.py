"""An ONNX graph of ours as a LiteRT program: the same operators in the same order, pictures with their channels last.

LiteRT's convolutions read and write N, H, W, C. So every tensor of four dimensions that comes out of one keeps its
channels last until an operator needs ONNX's own order; where a transposition only says the same thing in other words,
nothing is written for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import InputError
from export.backends.litert.flat_model import FlatModel, Steps
from export.graph.attributes import Attribute, Attributed

Array = NDArray[np.generic]
Ints = tuple[int, ...]
LAST: Ints = (0, 2, 3, 1)
"""The ONNX axes of a picture in the order in which they are stored: channels last."""

FIRST: Ints = (0, 3, 1, 2)
"""How a picture with its channels last becomes ONNX's again."""


@dataclass(frozen=True)
class TensorValue:
    """A tensor of the program: its number, its ONNX shape, and whether its channels are stored last."""

    tensor: int
    shape: Ints
    last: bool = False

    @property
    def order(self) -> Ints:
        """The ONNX axes in the order in which they are stored."""
        return LAST if self.last else tuple(range(len(self.shape)))

    @property
    def stored(self) -> Ints:
        """The shape that the file has."""
        return tuple(self.shape[axis] for axis in self.order)

    def place(self, axis: int) -> int:
        """Where an ONNX axis is stored."""
        return self.order.index(axis % len(self.shape))


@dataclass(frozen=True)
class OnnxNode(Attributed):
    """One ONNX node: `name` begins the names of all that is written for it."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]

    def has(self, index: int) -> bool:
        """Whether there is such an input."""
        return len(self.inputs) > index and bool(self.inputs[index])


@dataclass(frozen=True)
class GraphFacts:
    """What is known of a graph before anything is written. `shuffles`: tensors that only a pixel shuffle reads -> the
    order in which LiteRT's wants their channels; `answers`: tensors that are rounded -> names of scale and zero
    point."""

    nodes: tuple[OnnxNode, ...]
    shapes: Mapping[str, Ints]
    arrays: Mapping[str, Array]
    shuffles: Mapping[str, Array]
    answers: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Restored:
    """Numbers that a graph reads as reals: a tensor of the program (`value`), or a constant (`array`)."""

    steps: Steps
    value: TensorValue | None = None
    array: Array | None = None


class Program:
    """What the writers of operators work with: values by their ONNX names, and how new ones are made."""

    def __init__(self, facts: GraphFacts, weights: str) -> None:
        self.model = FlatModel()
        self.weights = weights
        """How those of convolutions are stored, see `export.backends.litert.weights`."""
        self.shapes, self.arrays = facts.shapes, facts.arrays
        self.shuffles, self.answers = facts.shuffles, facts.answers
        self.values: dict[str, TensorValue] = {}
        self.whole: dict[str, TensorValue] = {}
        """Tensors that are there as whole numbers only: the answers of INT8 convolutions."""
        self.restored: dict[str, Restored] = {}
        """Tensors that whole numbers stand for."""

    def array(self, name: str) -> Array:
        """A constant. Raises InputError where it is none."""
        if name not in self.arrays:
            raise InputError(f"{name}: LiteRT needs a constant there: leave litert out of --to")
        return self.arrays[name]

    def integers(self, name: str) -> Ints:
        return tuple(int(each) for each in self.array(name).reshape(-1))

    def value(self, name: str) -> TensorValue:
        """A tensor of reals as it is stored; a constant in ONNX's order."""
        if name in self.values:
            return self.values[name]
        if name in self.restored:
            return self._restore(name)
        array = _at_least_1d(self.array(name))
        return TensorValue(self.constant(name, array), array.shape)

    def _restore(self, name: str) -> TensorValue:
        numbers = self.restored[name].value
        if numbers is None:
            raise InputError(f"{name}: quantized constants are known for convolutions only: leave litert out of --to")
        self.values[name] = self.new(name, numbers.shape, last=numbers.last)
        options = self.model.schema.DequantizeOptionsT()
        self.model.operator("DEQUANTIZE", (numbers.tensor,), (self.values[name].tensor,), options, version=2)
        return self.values[name]

    def plain(self, name: str) -> TensorValue:
        """A tensor in ONNX's order."""
        return self.in_order(self.value(name), last=False, name=name)

    def channels_last(self, name: str, rank: int = 4) -> TensorValue:
        """A tensor of up to four dimensions as a picture with its channels last; what has fewer gets ones in front, as
        when ONNX broadcasts it."""
        if name in self.arrays:
            array = self.arrays[name]
            array = array.reshape((1,) * (rank - array.ndim) + array.shape)
            return TensorValue(self.constant(f"{name}/last", array.transpose(LAST)), array.shape, last=True)
        value = self.value(name)
        if len(value.shape) < rank:
            value = self.reshaped(value, (1,) * (rank - len(value.shape)) + value.shape, name)
        return self.in_order(value, last=True, name=name)

    def in_order(self, value: TensorValue, *, last: bool, name: str) -> TensorValue:
        """The same tensor, stored in the other order where it is not yet."""
        if value.last == last:
            return value
        return self.transposed(
            value, LAST if last else FIRST, value.shape, f"{name}/{'last' if last else 'first'}", last
        )

    def transposed(self, value: TensorValue, order: Ints, shape: Ints, name: str, last: bool) -> TensorValue:
        made = self.new(name, shape, last=last)
        axes = self.constant("order", np.asarray(order, np.int32))
        options = self.model.schema.TransposeOptionsT()
        self.model.operator("TRANSPOSE", (value.tensor, axes), (made.tensor,), options)
        return made

    def reshaped(self, value: TensorValue, shape: Ints, name: str) -> TensorValue:
        """A tensor in ONNX's order with another shape."""
        plain = self.in_order(value, last=False, name=name)
        made = self.new(f"{name}/shaped", shape)
        self.write_reshape(plain, made)
        return made

    def write_reshape(self, value: TensorValue, made: TensorValue) -> None:
        options = self.model.schema.ReshapeOptionsT()
        options.newShape = list(made.stored)
        sides = self.constant("shape", np.asarray(made.stored, np.int32))
        self.model.operator("RESHAPE", (value.tensor, sides), (made.tensor,), options)

    def new(
        self, name: str, shape: Ints, *, last: bool = False, kind: str = "float32", steps: Steps | None = None
    ) -> TensorValue:
        """A tensor that an operator is about to write."""
        stored = tuple(shape[axis] for axis in LAST) if last else shape
        return TensorValue(self.model.tensor(name, stored, kind, steps), shape, last)

    def like(self, value: TensorValue, name: str, shape: Ints) -> TensorValue:
        """A tensor that stands for what another does in the same way, of another shape."""
        stored = tuple(shape[axis] for axis in value.order)
        return TensorValue(self.model.like(value.tensor, name, stored), shape, value.last)

    def output(self, node: OnnxNode, index: int = 0, *, last: bool = False) -> TensorValue:
        """A node's output, made known under its ONNX name."""
        name = node.outputs[index]
        self.values[name] = self.new(name, self.shapes[name], last=last)
        return self.values[name]

    def constant(self, name: str, array: Array) -> int:
        return self.model.constant(name, array)

    def number(self, value: float) -> int:
        return self.constant("number", np.full((1,), value, np.float32))


def _at_least_1d(array: Array) -> Array:
    return array.reshape(1) if array.ndim == 0 else array
