"""The graph of an ONNX file without the onnx package: nodes, attributes, constants, ports, and every tensor's type.

Reads the protocol-buffer wire format with the field numbers of onnx.proto
(https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). A device needs it to lint a graph before an engine's builder
sees it (`runtimes.backends.tensorrt.lint.lint`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import InputError
from runtimes.file_formats import protobuf as wire
from runtimes.file_formats.onnx_file import WHAT

# TensorProto.DataType -> name; floats and integers as in artifact ids
TYPES = {
    1: "fp32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string", 9: "bool",
    10: "fp16", 11: "fp64", 12: "uint32", 13: "uint64", 16: "bf16", 17: "fp8", 18: "fp8", 19: "fp8", 20: "fp8",
    21: "uint4", 22: "int4", 23: "fp4",
}  # fmt: skip
FLOATS = ("fp32", "fp16", "fp64", "bf16")
NUMPY = {
    "fp32": np.float32, "uint8": np.uint8, "int8": np.int8, "int32": np.int32, "int64": np.int64, "fp16": np.float16,
}  # fmt: skip
_EXTERNAL = 1  # TensorProto.DataLocation
_INTS_OF = {"fp16": np.uint16, "int8": np.int8, "uint8": np.uint8, "int32": np.int32}  # what int32_data holds

_TRUTHS = ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "And", "Or", "IsNaN", "IsInf")


@dataclass(frozen=True)
class Tensor:
    """A constant: `dims` as written, its bytes where they lie in the file."""

    name: str
    dtype: str
    dims: tuple[int, ...]
    external: bool = False
    raw: memoryview | None = None
    numbers: tuple[int | float, ...] = ()

    def values(self) -> NDArray[np.generic]:
        """The numbers, in `dims`. Raises InputError for a type without a NumPy form, external data, or a wrong size."""
        kind = NUMPY.get(self.dtype)
        if kind is None or self.external:
            raise InputError(f"the constant '{self.name}' ({self.dtype}) cannot be read from {WHAT}")
        if self.raw is not None:
            size = len(self.raw) // np.dtype(kind).itemsize
            held = np.frombuffer(self.raw, kind, count=size)
        elif self.dtype in _INTS_OF:
            held = np.asarray(self.numbers, np.int64).astype(_INTS_OF[self.dtype]).view(kind)
        else:
            held = np.asarray(self.numbers, kind)
        if held.size != prod(self.dims):
            raise InputError(f"the constant '{self.name}' has {held.size} numbers for the shape {list(self.dims)}")
        shaped: NDArray[np.generic] = held.reshape(self.dims)
        return shaped


Attribute = int | float | str | tuple[int, ...] | tuple[float, ...] | Tensor | None


@dataclass(frozen=True)
class Node:
    """One operation. `attributes` holds numbers, text, lists of numbers and tensors; of others the name (None)."""

    name: str
    kind: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    line: int
    """Its place in the file, from 0."""

    @property
    def first(self) -> str:
        """Its first input; empty without any."""
        return self.inputs[0] if self.inputs else ""

    @property
    def title(self) -> str:
        """How messages call it."""
        return f"{self.kind} '{self.name}'" if self.name else f"{self.kind} number {self.line} (without a name)"


@dataclass(frozen=True)
class Port:
    """An input or output of the graph; a dimension that is not a number is text (empty: unknown)."""

    name: str
    dtype: str
    dims: tuple[int | str, ...]


@dataclass(frozen=True)
class Graph:
    """`opsets`: domain ("" is ONNX's own) -> version; `functions`: how many the model defines."""

    opsets: Mapping[str, int]
    nodes: tuple[Node, ...]
    tensors: Mapping[str, Tensor]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    functions: int = 0
    _makers: dict[str, Node] = field(default_factory=dict, repr=False, compare=False)

    def maker(self, name: str) -> Node | None:
        """The node that makes this tensor; None for inputs and constants."""
        if not self._makers:
            self._makers.update({output: node for node in self.nodes for output in node.outputs})
        return self._makers.get(name)


def read_graph(data: bytes | memoryview) -> Graph:
    """Read a whole model; the constants stay where they are in `data`. Raises InputError if it is no ONNX model."""
    model = wire.message(memoryview(data), WHAT)
    bodies = list(_messages(model, 7))
    if len(bodies) != 1:
        raise InputError(f"expected {WHAT} with one graph, found {len(bodies)}; export the bundle again")
    graph = bodies[0]
    opsets = {_text(each, 1): _integer(each, 2) for each in _messages(model, 8)}
    tensors = {tensor.name: tensor for tensor in map(_tensor, _messages(graph, 5))}
    nodes = []
    for line, each in enumerate(_messages(graph, 1)):
        nodes.append(_node(each, line))
    return Graph(
        {"" if domain == "ai.onnx" else domain: version for domain, version in opsets.items()},
        tuple(nodes),
        tensors,
        tuple(port for port in map(_port, _messages(graph, 11)) if port.name not in tensors),
        tuple(map(_port, _messages(graph, 12))),
        len(model.get(25, ())),
    )


def tensor_types(graph: Graph) -> dict[str, str]:
    """Tensor -> type name, from the operators of this project's graphs; an operator that says nothing else gives the
    type of its first input. Tensors that nothing makes are "unknown"."""
    types = {port.name: port.dtype for port in graph.inputs}
    types |= {tensor.name: tensor.dtype for tensor in graph.tensors.values()}
    for node in graph.nodes:
        types |= dict.fromkeys(node.outputs, _result_type(node, types))
    return types


def _result_type(node: Node, types: Mapping[str, str]) -> str:
    def of(index: int) -> str:
        return types.get(node.inputs[index], "unknown") if index < len(node.inputs) else "unknown"

    if node.kind == "Cast":
        return TYPES.get(_number(node.attributes.get("to")), "unknown")
    if node.kind in ("Constant", "ConstantOfShape"):
        held = node.attributes.get("value")
        return held.dtype if isinstance(held, Tensor) else "fp32"
    if node.kind == "QuantizeLinear":
        return of(2) if len(node.inputs) > 2 and node.inputs[2] else "uint8"
    if node.kind in ("DequantizeLinear", "Where"):
        return of(1)
    if node.kind in _TRUTHS:
        return "bool"
    return "int64" if node.kind in ("Shape", "Size", "ArgMax", "ArgMin") else of(0)


def _number(value: Attribute) -> int:
    return value if isinstance(value, int) else 0


def _messages(message: wire.Message, number: int) -> Iterator[wire.Message]:
    for value in message.get(number, ()):
        if isinstance(value, memoryview):
            yield wire.message(value, WHAT)


def _text(message: wire.Message, number: int) -> str:
    found = [value for value in message.get(number, ()) if isinstance(value, memoryview)]
    return bytes(found[-1]).decode("utf-8", "replace") if found else ""


def _texts(message: wire.Message, number: int) -> tuple[str, ...]:
    return tuple(bytes(v).decode("utf-8", "replace") for v in message.get(number, ()) if isinstance(v, memoryview))


def _integer(message: wire.Message, number: int) -> int:
    found = [value for value in message.get(number, ()) if isinstance(value, int)]
    return found[-1] if found else 0


def _integers(message: wire.Message, number: int) -> tuple[int, ...]:
    """A repeated field of numbers, packed or not."""
    found: list[int] = []
    for value in message.get(number, ()):
        found += wire.numbers(value, WHAT)
    return tuple(value - (1 << 64) if value >> 63 else value for value in found)


def _floats(message: wire.Message, number: int) -> tuple[float, ...]:
    found: list[float] = []
    for value in message.get(number, ()):
        if not isinstance(value, int) and len(value) % 4 == 0:
            found += struct.unpack(f"<{len(value) // 4}f", value)
    return tuple(found)


def _tensor(message: wire.Message) -> Tensor:
    dtype = TYPES.get(_integer(message, 2), "unknown")
    raw = [value for value in message.get(9, ()) if isinstance(value, memoryview)]
    numbers: tuple[int | float, ...] = _floats(message, 4) or _integers(message, 5) or _integers(message, 7)
    external = _integer(message, 14) == _EXTERNAL or 13 in message
    return Tensor(_text(message, 8), dtype, _integers(message, 1), external, raw[-1] if raw else None, numbers)


def _node(message: wire.Message, line: int) -> Node:
    attributes = {_text(each, 1): _attribute(each) for each in _messages(message, 5)}
    domain = _text(message, 7)
    return Node(
        _text(message, 3), _text(message, 4), "" if domain == "ai.onnx" else domain, _texts(message, 1),
        _texts(message, 2), attributes, line,
    )  # fmt: skip


def _attribute(message: wire.Message) -> Attribute:
    kind = _integer(message, 20)  # AttributeProto.AttributeType
    if kind == 1:
        found = _floats(message, 2)
        return found[0] if found else 0.0
    if kind == 2:
        return (_integers(message, 3) or (0,))[0]
    if kind == 3:
        return _text(message, 4)
    if kind == 4:
        return next(map(_tensor, _messages(message, 5)), None)
    if kind == 6:
        return _floats(message, 7)
    return _integers(message, 8) if kind == 7 else None


def _port(message: wire.Message) -> Port:
    """ValueInfoProto: name, type -> tensor type -> element type and shape."""
    for kind in _messages(message, 2):
        for tensor in _messages(kind, 1):
            dims: list[int | str] = []
            for shape in _messages(tensor, 2):
                dims += [_text(dim, 2) if 1 not in dim else _integer(dim, 1) for dim in _messages(shape, 1)]
            return Port(_text(message, 1), TYPES.get(_integer(tensor, 1), "unknown"), tuple(dims))
    return Port(_text(message, 1), "unknown", ())
