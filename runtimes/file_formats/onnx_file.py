"""A look into an ONNX file without the onnx package: external data, operator domains, types of the weights.

It walks the protocol-buffer wire format (https://protobuf.dev/programming-guides/encoding/) with the field
numbers of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). Devices need it: ONNX Runtime
would follow an external-data path in the file to any place on the disk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dlgsanet.errors import InputError
from runtimes.file_formats import protobuf as wire

WHAT = "an ONNX file"

# TensorProto.DataType -> names as in artifact ids
DATA_TYPES = {1: "fp32", 2: "int8", 3: "int8", 10: "fp16", 11: "fp64", 16: "bf16", 21: "int4", 22: "int4"}

# Message fields that lead to tensors: {message: {field number: message}}.
_CHILDREN: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 8: "opset", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
_MAX_DEPTH = 64
_KERNEL_RANK = 4  # of a convolution's weight
_RESTORING = ("DequantizeLinear", "Cast", "Mul")  # what a small weight passes before a convolution reads it


@dataclass(frozen=True)
class OnnxFacts:
    """`external`: locations of external data; `domains`: operator sets; `weights`: elements per type name; `quantized`:
    how many convolutions' weights are int8 behind a DequantizeLinear; `operators`: nodes per operator."""

    external: tuple[str, ...]
    domains: tuple[str, ...]
    weights: Mapping[str, int]
    quantized: int
    operators: Mapping[str, int]

    @property
    def precision(self) -> str:
        """The type that most weights have, named as in artifact ids; `int8w` where they are int8 and nothing computes
        with integers."""
        most = max(self.weights, key=lambda name: self.weights[name], default="unknown")
        floats = not any("Linear" in name or "Integer" in name for name in self.operators)
        return "int8w" if most == "int8" and floats else most


def read_facts(data: bytes) -> OnnxFacts:
    """Look through a whole model. Raises InputError if `data` is not a protocol buffer."""
    external: list[str] = []
    domains: set[str] = set()
    weights: Counter[str] = Counter()
    kernels: set[str] = set()
    dequantized: set[str] = set()
    operators: Counter[str] = Counter()
    stack: list[tuple[str, memoryview, int]] = [("model", memoryview(data), 0)]
    while stack:
        kind, message, depth = stack.pop()
        if depth > _MAX_DEPTH:
            raise InputError("the ONNX file is nested too deeply to be a network; export the bundle again")
        fields = list(wire.fields(message, WHAT))
        children = _CHILDREN.get(kind, {})
        stack.extend(
            (children[number], value, depth + 1)
            for number, value in fields
            if number in children and isinstance(value, memoryview)
        )
        if kind == "opset":
            domains.add(_text(fields, 1))
        elif kind == "tensor":
            kernels |= _count_weights(fields, weights)
        elif kind == "node":
            operator = _text(fields, 4)
            operators[operator] += 1
            if operator == "DequantizeLinear":
                dequantized |= _texts(fields, 1)
        elif kind == "entry" and _text(fields, 1) == "location":
            external.append(_text(fields, 2))
    quantized = len(kernels & dequantized)
    return OnnxFacts(tuple(external), tuple(sorted(domains)), dict(weights), quantized, dict(operators))


def convolution_weights(data: bytes) -> dict[str, tuple[int, ...]]:
    """Name and name of the output of each convolution in the main graph -> shape of its weight, which is stored as it
    is or smaller, behind what restores it. Raises InputError if `data` is not a protocol buffer."""
    graph = wire.message(_view(wire.message(memoryview(data), WHAT), 7), WHAT)
    tensors = [wire.message(item, WHAT) for item in graph.get(5, []) if isinstance(item, memoryview)]
    shapes = {_name(item, 8): tuple(_dims(item)) for item in tensors}
    nodes = [wire.message(item, WHAT) for item in graph.get(1, []) if isinstance(item, memoryview)]
    found: dict[str, tuple[int, ...]] = {}
    for node in nodes:
        weight = shapes.get(_name(node, 1, 1))
        if _name(node, 4) in _RESTORING and _name(node, 1) in shapes:
            shapes[_name(node, 2)] = shapes[_name(node, 1)]
        elif _name(node, 4) == "Conv" and weight is not None:
            found |= {name: weight for name in (_name(node, 3), _name(node, 2)) if name}
    return found


def tensor_names(data: bytes) -> set[str]:
    """What the nodes of the main graph make. Raises InputError if `data` is not a protocol buffer."""
    graph = wire.message(_view(wire.message(memoryview(data), WHAT), 7), WHAT)
    nodes = [wire.message(item, WHAT) for item in graph.get(1, []) if isinstance(item, memoryview)]
    return {
        bytes(name).decode("utf-8", "replace")
        for node in nodes
        for name in node.get(2, [])
        if isinstance(name, memoryview)
    }


def with_outputs(data: bytes, names: Sequence[str]) -> bytes:
    """The same model whose graph gives these float32 tensors, too.

    Protocol buffers join what is written of one message in two places, so the file is left as it is and the outputs
    (Model.graph = 7, Graph.output = 12, ValueInfo.name = 1, .type = 2) are written behind it.
    """
    floats = wire.written(2, wire.written(1, b"\x08\x01"))  # a tensor type whose element type (1) is float (1)
    outputs = b"".join(wire.written(12, wire.written(1, name.encode()) + floats) for name in names)
    return data + wire.written(7, outputs) if names else data


def _view(item: wire.Message, number: int) -> memoryview:
    found = item.get(number, [b""])[0]
    return found if isinstance(found, memoryview) else memoryview(b"")


def _name(item: wire.Message, number: int, index: int = 0) -> str:
    found = item.get(number, [])[index : index + 1]
    return bytes(found[0]).decode("utf-8", "replace") if found and isinstance(found[0], memoryview) else ""


def _dims(item: wire.Message) -> Iterator[int]:
    for value in item.get(1, []):
        yield from wire.numbers(value, WHAT)


def _count_weights(fields: list[tuple[int, wire.Field]], weights: Counter[str]) -> set[str]:
    """Count a tensor's elements by type; its name where it is an int8 weight of a convolution."""
    elements, rank, kind = 1, 0, "other"
    for number, value in fields:
        if number == 1:
            for size in wire.numbers(value, WHAT):
                elements *= size
                rank += 1
        elif number == 2 and isinstance(value, int):
            kind = DATA_TYPES.get(value, "other")
    if kind != "other":  # shapes and indices are not weights
        weights[kind] += elements
    return {_text(fields, 8)} if kind == "int8" and rank == _KERNEL_RANK else set()


def _texts(fields: list[tuple[int, wire.Field]], wanted: int) -> set[str]:
    values = (value for number, value in fields if number == wanted and isinstance(value, memoryview))
    return {bytes(value).decode("utf-8", "replace") for value in values}


def _text(fields: list[tuple[int, wire.Field]], wanted: int) -> str:
    found = [value for number, value in fields if number == wanted and isinstance(value, memoryview)]
    return bytes(found[-1]).decode("utf-8", "replace") if found else ""
