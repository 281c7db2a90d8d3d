"""Typed fp16: an fp32 ONNX graph in which every tensor is fp16, but for named islands that fp16 cannot hold.

TensorRT 11 takes precision from the file alone, so every cast is written out. What stays in fp32 is found by its
structure, not by its name: each sum over many values (a mean, an L2 norm) with what leads from it to the division that
brings its result back to values of about one. The graph's input and output stay fp32, with a cast behind and before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from dlgsanet.errors import BackendError

HALF, SINGLE = TensorProto.FLOAT16, TensorProto.FLOAT
HALF_MAX = float(np.finfo(np.float16).max)
REDUCTIONS = ("ReduceMean", "ReduceSum", "ReduceSumSquare", "ReduceL2")
"""Sums: the squares of 96 x 96 values overflow fp16 from a mean square of 7.1 on. A maximum cannot."""

_ON_THE_WAY = ("Sub", "Mul", "Add", "Max", "Sqrt", "Div", "Transpose")  # operators of a normalisation
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
    waiting = [node for node in model.graph.node if node.op_type in REDUCTIONS]
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


def to_half(model: onnx.ModelProto, keep: Collection[str]) -> onnx.ModelProto:
    """A copy of an fp32 model (opset below 23, no subgraphs) typed fp16, with the nodes named in `keep` in fp32.

    Raises BackendError for a constant that fp16 cannot hold: beyond 65504, not finite, or a nonzero number (an
    epsilon) that would become zero.
    """
    graph = model.graph
    typed = _Typed(graph, keep)
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
        inputs = [self.as_type(name, wanted) if name else name for name in node.input]
        copied = onnx.NodeProto()
        copied.CopyFrom(node)
        del copied.input[:]
        copied.input.extend(inputs)
        self.nodes.append(copied)
        if node.op_type == "QuantizeLinear":  # integers from here to DequantizeLinear
            return
        self.types |= dict.fromkeys(node.output, wanted)
        for index, name in enumerate(node.output):
            if wanted == HALF and name in self._results:
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
