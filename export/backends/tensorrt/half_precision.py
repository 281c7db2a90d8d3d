"""Typed fp16: an fp32 ONNX graph in which every tensor is fp16, but for named islands that fp16 cannot hold.

TensorRT 11 takes precision from the file alone, so every cast is written out. What stays in fp32 is found by its
structure, not by its name: each sum over many values (a mean, an L2 norm) with what leads from it to the division that
brings its result back to values of about one, and each number that fp16 would lose. What an operator takes or gives in
fp32 alone, by ONNX' own schema, stays so: the scales of a Resize. The graph's input and output stay fp32, with a cast
behind and before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from dlgsanet.errors import BackendError
from runtimes.backends.tensorrt.lint.rules import SUMS

HALF, SINGLE = TensorProto.FLOAT16, TensorProto.FLOAT
HALF_MAX = float(np.finfo(np.float16).max)
HALF_TINY = float(np.finfo(np.float16).smallest_normal)
_ON_THE_WAY = (
    "Add", "Clip", "Div", "Expand", "Max", "Min", "Mul", "Pow", "Reciprocal", "Sqrt", "Squeeze", "Sub", "Transpose",
    "Unsqueeze",
)  # fmt: skip
"""Operators of a normalisation."""

_GUARDS = ("Add", "Clip", "Div", "Max", "Sub")
"""Operators that an epsilon protects."""

_NUMBERS = (HALF, SINGLE, TensorProto.DOUBLE, TensorProto.BFLOAT16)


def fp32_islands(model: onnx.ModelProto) -> frozenset[str]:
    """Names of the nodes that must compute in fp32.

    Every reduction and all from it to the next division, inclusive. LayerNorm: mean, deviation, square, mean, + eps,
    root, quotient. L2 norm: root of squares, max with eps (1e-12 is zero in fp16, so that an all-zero row would give
    0 / 0), quotient. And what such a division divides, back to the product that it came from: q k^T before its norms
    are taken out is a sum over all pixels, too. Behind the division values are of order one.
    """
    readers: dict[str, list[onnx.NodeProto]] = {}
    makers = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    found: dict[str, onnx.NodeProto] = {}
    tiny = {tensor.name for tensor in model.graph.initializer if _is_tiny(tensor)}
    waiting = [
        node
        for node in model.graph.node
        if node.op_type in SUMS or (node.op_type in _GUARDS and tiny.intersection(node.input))
    ]
    while waiting:
        node = waiting.pop()
        if node.name in found:
            continue
        found[node.name] = node
        if node.op_type != "Div":
            after = [each for name in node.output for each in readers.get(name, ())]
            waiting += [each for each in after if each.op_type in _ON_THE_WAY]
    divided = [node.input[0] for node in found.values() if node.op_type == "Div"]
    while divided:
        made_by = makers.get(divided.pop())
        if made_by is not None and made_by.name not in found and made_by.op_type in ("Mul", "MatMul"):
            found[made_by.name] = made_by
            divided += made_by.input if made_by.op_type == "Mul" else []
    return frozenset(found)


def _is_tiny(tensor: onnx.TensorProto) -> bool:
    """A lone number that is zero in fp16, or may be flushed to it."""
    if tensor.data_type != SINGLE or any(size != 1 for size in tensor.dims):
        return False
    return 0 < abs(float(numpy_helper.to_array(tensor).reshape(()))) < HALF_TINY


def to_half(model: onnx.ModelProto, keep: Collection[str]) -> onnx.ModelProto:
    """A copy of an fp32 model (opset below 23, no subgraphs) typed fp16, with the nodes named in `keep` in fp32.

    Raises BackendError for a constant that fp16 cannot hold: beyond 65504, not finite, or a nonzero number (an
    epsilon) that would become zero.
    """
    graph = model.graph
    (opset,) = (entry.version for entry in model.opset_import if not entry.domain)
    typed = _Typed(graph, keep, opset, frozenset(_floats(model)))
    for node in graph.node:
        typed.add(node)
    made = helper.make_graph(typed.nodes, graph.name, graph.input, graph.output, list(typed.constants.values()))
    result = helper.make_model(made, opset_imports=model.opset_import, ir_version=model.ir_version)
    result.producer_name, result.producer_version = model.producer_name, model.producer_version
    return result


@dataclass
class _Typed:
    """The graph under construction; `types`: tensor -> its element type there, of those that hold numbers."""

    graph: onnx.GraphProto
    keep: Collection[str]
    opset: int
    floats: Collection[str]  # tensors of the fp32 graph that hold numbers; the others stay as they are
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)
    types: dict[str, int] = field(default_factory=dict)
    _sources: Mapping[str, onnx.TensorProto] = field(init=False)
    _results: frozenset[str] = field(init=False)
    _casts: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._sources = {tensor.name: tensor for tensor in self.graph.initializer}
        self._results = frozenset(port.name for port in self.graph.output)
        self.types = {port.name: port.type.tensor_type.elem_type for port in self.graph.input}

    def add(self, node: onnx.NodeProto) -> None:
        """The node in its type, with casts before it where an input has another one."""
        wanted = SINGLE if node.name in self.keep else HALF
        given, made = _halves(node.op_type, self.opset)
        copied = onnx.NodeProto()
        copied.CopyFrom(node)
        for index, name in enumerate(node.input):
            if name:
                copied.input[index] = self.as_type(name, wanted if _at(given, index) else SINGLE)
        if wanted == HALF:
            _retype(copied)
        self.nodes.append(copied)
        for index, name in enumerate(node.output):
            if name not in self.floats:  # integers from QuantizeLinear to DequantizeLinear, conditions
                continue
            self.types[name] = kind = wanted if _at(made, index) else SINGLE
            if kind == HALF and name in self._results:
                copied.output[index] = inner = f"{name}.fp16"
                self.types[inner] = HALF
                self.nodes.append(helper.make_node("Cast", [inner], [name], name=f"{name}.fp32", to=SINGLE))

    def as_type(self, name: str, wanted: int) -> str:
        """The name under which a tensor is to be had in the wanted type; integers are left as they are."""
        if name in self._sources:
            return self._constant(self._sources[name], wanted)
        if self.types.get(name, wanted) == wanted:
            return name
        cast = f"{name}.{'fp32' if wanted == SINGLE else 'fp16'}"
        if cast not in self._casts:
            self._casts.add(cast)
            self.nodes.append(helper.make_node("Cast", [name], [cast], name=cast, to=wanted))
        return cast

    def _constant(self, tensor: onnx.TensorProto, wanted: int) -> str:
        if tensor.data_type not in _NUMBERS:
            self.constants[tensor.name] = tensor
            return str(tensor.name)
        name = tensor.name if wanted == HALF else f"{tensor.name}.fp32"
        if name not in self.constants:
            values = numpy_helper.to_array(tensor)
            stored = half_constant(values, tensor.name) if wanted == HALF else values.astype(np.float32)
            self.constants[name] = numpy_helper.from_array(stored, name)
        return name


def _floats(model: onnx.ModelProto) -> Iterator[str]:
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    return (value.name for value in (*graph.value_info, *graph.output) if value.type.tensor_type.elem_type in _NUMBERS)


@cache
def _halves(kind: str, opset: int) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
    """Of each input and each output of an operator, whether it may be fp16 by ONNX' schema; the last one stands for
    all that follow."""
    schema = onnx.defs.get_schema(kind, opset)
    inputs, outputs = (tuple("tensor(float16)" in it.types for it in of) for of in (schema.inputs, schema.outputs))
    return inputs, outputs


def _at(allowed: tuple[bool, ...], index: int) -> bool:
    return allowed[min(index, len(allowed) - 1)]


def _retype(node: onnx.NodeProto) -> None:
    """The types and numbers that its attributes name, in fp16."""
    for attribute in node.attribute:
        if attribute.name in ("to", "dtype") and attribute.i == SINGLE:
            attribute.i = HALF
        if attribute.HasField("t") and attribute.t.data_type == SINGLE:
            values = half_constant(numpy_helper.to_array(attribute.t), f"{node.name}.{attribute.name}")
            attribute.t.CopyFrom(numpy_helper.from_array(values, attribute.t.name))


def half_constant(values: NDArray[np.floating], name: str) -> NDArray[np.float16]:
    """`values` as fp16. Raises BackendError where that would lose them: see `to_half`."""
    peak = float(np.max(np.abs(values), initial=0.0))
    if not peak <= HALF_MAX:
        raise BackendError(
            f"'{name}' holds values up to {peak:g}, fp16 ends at {HALF_MAX:g}: this network has no fp16 form, use fp32"
        )
    with np.errstate(under="ignore"):
        half: NDArray[np.float16] = values.astype(np.float16)
    if values.size == 1 and peak > 0 and not half.any():
        raise BackendError(f"the number '{name}' ({peak:g}) is zero in fp16: keep its node in fp32, please report this")
    return half
