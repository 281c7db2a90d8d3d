"""Operators that some engine lacks, as others that every engine has: exact, but that batch norms are rounded anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from export.graph.graph import MAX_RANK
from export.networks.onnx_file.einsum import as_products

MANY = 4
"""Axes that the Neural Engine takes: moves of more are written with fewer where that can be."""


def lowered(model: onnx.ModelProto, rules: Mapping[str, Rule] | None = None) -> onnx.ModelProto:
    """A copy of a model with fixed sizes in which every node that a rule (of `RULES`) takes has become others."""
    by_kind = RULES if rules is None else rules
    made = onnx.ModelProto()
    made.CopyFrom(model)
    known = _Known.of(model)
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        known.into.append(node.output[0])
        rule = by_kind.get(node.op_type)
        found = rule(node, known) if rule else None
        nodes += [node] if found is None else found
    kept = _read(_of_first_reshapes(nodes), made.graph.output[0].name)
    read = {name for node in kept for name in node.input}
    held = [tensor for tensor in (*made.graph.initializer, *known.added) if tensor.name in read]
    del made.graph.node[:], made.graph.value_info[:], made.graph.initializer[:]
    made.graph.node.extend(kept)
    made.graph.initializer.extend(held)
    return made


def _of_first_reshapes(nodes: Sequence[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """Every reshape reads what the reshape before it read."""
    sources: dict[str, str] = {}
    for node in nodes:
        if node.op_type == "Reshape":
            node.input[0] = sources.get(node.input[0], node.input[0])
            sources[node.output[0]] = node.input[0]
    return list(nodes)


def _read(nodes: Sequence[onnx.NodeProto], output: str) -> list[onnx.NodeProto]:
    """Without what nothing reads any more."""
    wanted, found = {output}, []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            found.append(node)
    return found[::-1]


@dataclass(frozen=True)
class _Known:
    """What a rule may ask of the graph, and what it adds to it."""

    shapes: Mapping[str, tuple[int, ...]]
    constants: Mapping[str, onnx.TensorProto]
    read: frozenset[str]
    added: list[onnx.TensorProto] = field(default_factory=list)
    into: list[str] = field(default_factory=list)  # what the nodes so far give

    @staticmethod
    def of(model: onnx.ModelProto) -> _Known:
        graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
        values = (*graph.value_info, *graph.input, *graph.output)
        shapes = {it.name: tuple(dim.dim_value for dim in it.type.tensor_type.shape.dim) for it in values}
        constants = {it.name: it for it in graph.initializer}
        shapes |= {name: tuple(it.dims) for name, it in constants.items()}
        read = frozenset(name for node in graph.node for name in node.input)
        return _Known(shapes, constants, read | {it.name for it in graph.output})

    def shape(self, name: str) -> tuple[int, ...]:
        """() also for what is not known: no rule takes it."""
        found = self.shapes.get(name, ())
        return found if all(found) else ()

    def array(self, name: str) -> NDArray[np.generic] | None:
        return numpy_helper.to_array(self.constants[name]) if name in self.constants else None

    def constant(self, value: NDArray[np.generic]) -> str:
        name = f"{self.into[-1]}/constant_{len(self.added)}"
        self.added.append(numpy_helper.from_array(value, name))
        return name

    def reshaped(self, given: str, shape: Sequence[int], into: str) -> onnx.NodeProto:
        return helper.make_node("Reshape", [given, self.constant(np.asarray(shape, np.int64))], [into])


Rule = Callable[[onnx.NodeProto, _Known], list[onnx.NodeProto] | None]


def _attributes(node: onnx.NodeProto) -> dict[str, object]:
    return {it.name: helper.get_attribute_value(it) for it in node.attribute}


def _norm(node: onnx.NodeProto, known: _Known) -> list[onnx.NodeProto] | None:
    """x factor + shift, computed in float64."""
    arrays = [known.array(name) for name in node.input[1:5]]
    rank = len(known.shape(node.input[0]))
    if not rank or any(it is None for it in arrays):
        return None
    gamma, beta, mean, variance = (np.asarray(it, np.float64) for it in arrays)
    epsilon = _attributes(node).get("epsilon", 1e-5)
    assert isinstance(epsilon, float)
    factor = gamma / np.sqrt(variance + epsilon)
    column = (-1, *[1] * (rank - 2))
    scale, shift = (it.reshape(column).astype(np.float32) for it in (factor, beta - mean * factor))
    scaled = f"{node.output[0]}/scaled"
    return [
        helper.make_node("Mul", [node.input[0], known.constant(scale)], [scaled]),
        helper.make_node("Add", [scaled, known.constant(shift)], [node.output[0]]),
    ]


def _old_group_norm(node: onnx.NodeProto, known: _Known) -> list[onnx.NodeProto] | None:
    """With a gain and a shift for each group, as operator sets 18 to 20 have it: a norm of groups as channels."""
    shape, how = known.shape(node.input[0]), _attributes(node)
    groups = how.get("num_groups")
    if len(shape) < 3 or not isinstance(groups, int) or shape[1] % groups:
        return None
    grouped, normed = f"{node.output[0]}/grouped", f"{node.output[0]}/normed"
    return [
        known.reshaped(node.input[0], (shape[0], groups, shape[1] // groups * shape[2], *shape[3:]), grouped),
        helper.make_node(
            "InstanceNormalization", [grouped, *node.input[1:]], [normed], epsilon=how.get("epsilon", 1e-5)
        ),
        known.reshaped(normed, shape, node.output[0]),
    ]


def _gemm(node: onnx.NodeProto, known: _Known) -> list[onnx.NodeProto] | None:
    """x W + b of constant weights."""
    how, weight = _attributes(node), known.array(node.input[1])
    factors = (how.get("alpha", 1.0), how.get("beta", 1.0), how.get("transA", 0))
    if weight is None or factors != (1.0, 1.0, 0):
        return None
    product = f"{node.output[0]}/product" if len(node.input) > 2 else node.output[0]
    turned = known.constant(np.ascontiguousarray(weight.T)) if how.get("transB", 0) else node.input[1]
    nodes = [helper.make_node("MatMul", [node.input[0], turned], [product])]
    if len(node.input) > 2:
        nodes.append(helper.make_node("Add", [product, node.input[2]], [node.output[0]]))
    return nodes


def _as_reshape(node: onnx.NodeProto, known: _Known) -> list[onnx.NodeProto] | None:
    """Nothing moves but the sides."""
    shape = known.shape(node.output[0])
    return [known.reshaped(node.input[0], shape, node.output[0])] if shape else None


def _stated_sides(node: onnx.NodeProto, known: _Known) -> list[onnx.NodeProto] | None:
    """Without sides that are said by 0 or -1."""
    sides = known.array(node.input[1])
    return None if sides is None or min(sides.tolist(), default=1) > 0 else _as_reshape(node, known)


def _gather(node: onnx.NodeProto, known: _Known) -> list[onnx.NodeProto] | None:
    """By one row of places, where they are a table."""
    places, shape = known.array(node.input[1]), known.shape(node.input[0])
    axis = _attributes(node).get("axis", 0)
    if places is None or places.ndim < 2 or not shape or not isinstance(axis, int):
        return None
    row, into = f"{node.output[0]}/row", known.shape(node.output[0])
    flat = helper.make_node("Gather", [node.input[0], known.constant(places.reshape(-1))], [row], axis=axis)
    return [flat, known.reshaped(row, into, node.output[0])] if into else None


def _one_axis_less(node: onnx.NodeProto, known: _Known) -> list[onnx.NodeProto] | None:
    """Without a first axis of size 1, where there are more than MAX_RANK; the last axis alone may mean something."""
    into = known.shape(node.output[0])
    if len(into) <= MAX_RANK or into[0] != 1 or _attributes(node).get("axis", -1) != -1:
        return None
    nodes, names = [], []
    for at, name in enumerate(node.input):
        shape = known.shape(name)
        names.append(name if len(shape) < len(into) else f"{node.output[0]}/less_{at}")
        if names[-1] != name:
            nodes.append(known.reshaped(name, shape[1:], names[-1]))
    less = onnx.NodeProto()
    less.CopyFrom(node)
    less.input[:], less.output[:] = names, [f"{node.output[0]}/less"]
    return [*nodes, less, known.reshaped(less.output[0], into, node.output[0])]


def _transpose(node: onnx.NodeProto, known: _Known) -> list[onnx.NodeProto] | None:
    """Axes of size 1 left out, and those that stay together taken as one."""
    shape, order = known.shape(node.input[0]), _attributes(node).get("perm")
    if len(shape) <= MANY or not isinstance(order, list):
        return None
    sides, axes = _collapsed(shape, order)
    if len(sides) >= len(shape):
        return None
    into = known.shape(node.output[0])
    before, after = f"{node.output[0]}/before", f"{node.output[0]}/after"
    return [
        known.reshaped(node.input[0], sides, before),
        helper.make_node("Transpose", [before], [after], perm=axes),
        known.reshaped(after, into, node.output[0]),
    ]


def _collapsed(shape: Sequence[int], order: Sequence[int]) -> tuple[list[int], list[int]]:
    """(sides, order) of the same move with as few axes as there are pieces that move by themselves."""
    real = [axis for axis in order if shape[axis] != 1] or [0]
    place = {axis: index for index, axis in enumerate(sorted(real))}
    pieces: list[list[int]] = []
    for axis in real:
        if pieces and place[axis] == place[pieces[-1][-1]] + 1:
            pieces[-1].append(axis)
        else:
            pieces.append([axis])
    from_first = sorted(pieces)
    sides = [prod(shape[axis] for axis in piece) for piece in from_first]
    return sides, [from_first.index(piece) for piece in pieces]


def _written_slab(node: onnx.NodeProto, known: _Known) -> list[onnx.NodeProto] | None:
    """x[:, a:b] = y, which is y between what is left of x."""
    data, _, updates = node.input
    shape, places = known.shape(data), known.array(node.input[1])
    if not shape or places is None or _attributes(node).get("reduction", b"none") != b"none":
        return None
    first = places.reshape(-1, places.shape[-1])[0]
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in places.shape[:-1]], indexing="ij"), -1)
    if grid.shape != places.shape or not np.array_equal(places, grid + first):
        return None
    part = [axis for axis, side in enumerate(grid.shape[:-1]) if side != shape[axis]]
    if len(part) != 1:
        return None
    (axis,) = part
    begin, end = int(first[axis]), int(first[axis]) + grid.shape[axis]
    nodes, parts = [], []
    for name, low, high in (("before", 0, begin), ("", 0, 0), ("after", end, shape[axis])):
        if not name:
            parts.append(updates)
        elif low < high:
            parts.append(f"{node.output[0]}/{name}")
            ends = [known.constant(np.asarray([it], np.int64)) for it in (low, high, axis)]
            nodes.append(helper.make_node("Slice", [data, *ends], [parts[-1]]))
    return [*nodes, helper.make_node("Concat", parts, [node.output[0]], axis=axis)]


def _largest(node: onnx.NodeProto, known: _Known) -> list[onnx.NodeProto] | None:
    """The one largest value, where nobody asks for its place."""
    how, count = _attributes(node), known.array(node.input[1])
    places = node.output[1] if len(node.output) > 1 else ""
    if count is None or count.tolist() != [1] or how.get("largest", 1) != 1 or places in known.read:
        return None
    axes = known.constant(np.asarray([how.get("axis", -1)], np.int64))
    return [helper.make_node("ReduceMax", [node.input[0], axes], [node.output[0]], keepdims=1)]


def _einsum(node: onnx.NodeProto, known: _Known) -> list[onnx.NodeProto] | None:
    equation = _attributes(node)["equation"]
    assert isinstance(equation, bytes)
    shapes = [known.shape(name) for name in node.input]
    return as_products(node, equation.decode(), shapes, known.reshaped) if all(shapes) else None


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(
        ("Add", "Div", "Erf", "LayerNormalization", "Mul", "Pow", "Relu", "Sigmoid", "Softmax", "Sqrt", "Sub", "Tanh"),
        _one_axis_less,
    ),
    "BatchNormalization": _norm,
    "Einsum": _einsum,
    "Flatten": _as_reshape,
    "Gather": _gather,
    "Gemm": _gemm,
    "Reshape": _stated_sides,
    "ScatterND": _written_slab,
    "Squeeze": _as_reshape,
    "TopK": _largest,
    "Transpose": _transpose,
    "Unsqueeze": _as_reshape,
}
OLD_RULES: Mapping[str, Rule] = {"GroupNormalization": _old_group_norm}
"""For operator sets below 21."""
