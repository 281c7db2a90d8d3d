"""The model specification of a package (`model.mlmodel`) as plain records.

Field numbers are those of Core ML's Model.proto, MIL.proto and FeatureTypes.proto (published with coremltools).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dlgsanet.errors import InputError, shown
from runtimes.backends.coreml.mil.tensor_types import DTYPES, MAX_ELEMENTS, NUMPY, Anything, TensorType, stored_values
from runtimes.file_formats import protobuf as wire

WHAT = "a Core ML model"
VERSIONS = (7, 8, 9, 10)
"""Specification versions that are understood: iOS 16, 17, 18, 26 and the macOS of the same years."""

IMAGE_RGB = 20
MAIN = "main"  # the function of a package that has one


@dataclass(frozen=True)
class Blob:
    """A constant that lies in a weight file of the package, `offset` bytes from its beginning."""

    file: str
    offset: int
    type: TensorType


@dataclass(frozen=True)
class Operation:
    """One operation. `inputs`: parameter -> names of values, or constants written in place; `constants`: attributes
    other than the name."""

    kind: str
    name: str
    inputs: Mapping[str, tuple[str | Anything | Blob, ...]]
    constants: Mapping[str, Anything | Blob]
    outputs: tuple[tuple[str, TensorType], ...]

    @property
    def written(self) -> dict[str, Anything | Blob]:
        """Its constants by parameter, whether they are attributes or, from iOS 18 on, inputs written in place."""
        placed = {name: value for name, bound in self.inputs.items() for value in bound if not isinstance(value, str)}
        return {**self.constants, **placed}


@dataclass(frozen=True)
class Feature:
    """An input or output of the model: an array of `shape`, or an 8-bit RGB picture of that NCHW shape."""

    name: str
    shape: tuple[int, ...]
    image: bool
    description: str


@dataclass(frozen=True)
class Model:
    """A specification: features as apps see them, and one function's operations in order."""

    version: int
    inputs: tuple[Feature, ...]
    outputs: tuple[Feature, ...]
    operations: tuple[Operation, ...]
    results: tuple[str, ...]
    metadata: Mapping[str, str]


def read_model(data: bytes, function: str | None = None) -> Model:
    """Parse `model.mlmodel`; of a package with several functions the one that is named.

    Raises InputError, naming it, for anything that is not understood completely.
    """
    root = wire.message(memoryview(data), WHAT)
    version = _int(root, 1)
    if version not in VERSIONS:
        raise InputError(
            f"expected a Core ML specification of version {VERSIONS[0]} to {VERSIONS[-1]}, found {version}: "
            "update dlgsanet-edge or export again"
        )
    if 502 not in root:
        raise InputError("expected an ML Program, found another kind of Core ML model; export the bundle again")
    description = _message(root, 2)
    functions = _map(_message(root, 502), 2)
    if function is None and list(functions) != [MAIN]:
        raise InputError(f"expected one function called {MAIN}, found {', '.join(functions) or 'none'}")
    program = _called(functions, function or MAIN)
    inputs, outputs = _features(description, function)
    blocks = _map(program, 3)
    opset = _text(program, 2)
    if opset not in blocks:
        raise InputError(f"expected operations for {opset or 'an operator set'}, found {', '.join(blocks) or 'none'}")
    model = Model(
        version=version,
        inputs=tuple(_feature(item) for item in inputs),
        outputs=tuple(_feature(item) for item in outputs),
        operations=tuple(_operation(item) for item in _messages(blocks[opset], 3)),
        results=tuple(_string(item) for item in blocks[opset].get(2, [])),
        metadata=_metadata(_message(description, 100)),
    )
    _require_made(model)
    return model


def _require_made(model: Model) -> None:
    """Every value that is read is an input or made before."""
    made = {feature.name for feature in model.inputs}
    for operation in model.operations:
        names = (name for bound in operation.inputs.values() for name in bound if isinstance(name, str))
        for name in names:
            if name not in made:
                raise InputError(
                    f"{shown(operation.name)} reads {shown(name)}, which nothing makes; export the bundle again"
                )
        made.update(name for name, _ in operation.outputs)


def _called(functions: Mapping[str, wire.Message], name: str) -> wire.Message:
    if name not in functions:
        raise InputError(
            f"expected a function called {name} in the package, found {', '.join(functions) or 'none'}; "
            "export the bundle again"
        )
    return functions[name]


def _features(description: wire.Message, function: str | None) -> tuple[list[wire.Message], list[wire.Message]]:
    """Inputs and outputs: the model's, or in a package with several functions (from iOS 18 on) the named one's."""
    if function is None:
        return _messages(description, 1), _messages(description, 10)
    described = _called({_text(item, 1): item for item in _messages(description, 20)}, function)
    return _messages(described, 2), _messages(described, 3)


def _feature(item: wire.Message) -> Feature:
    name, kind = _text(item, 1), _message(item, 3)
    if 4 in kind:
        image = _message(kind, 4)
        if _int(image, 3) != IMAGE_RGB or 21 in image or 31 in image:
            raise InputError(f"'{name}': expected an RGB picture of one size, found another kind; export again")
        return Feature(name, (1, 3, _int(image, 2), _int(image, 1)), True, _text(item, 2))
    if 5 not in kind:
        raise InputError(f"'{name}': expected an array or a picture, found another kind of feature; export again")
    return Feature(name, _integers(_message(kind, 5), 1), False, _text(item, 2))


def _metadata(item: wire.Message) -> dict[str, str]:
    names = {"shortDescription": 1, "versionString": 2, "author": 3, "license": 4}
    found = {name: _text(item, number) for name, number in names.items()}
    return found | {_text(entry, 1): _text(entry, 2) for entry in _messages(item, 100)}


def _operation(item: wire.Message) -> Operation:
    attributes = {_text(entry, 1): _message(entry, 2) for entry in _messages(item, 5)}
    kind = _text(item, 1)
    name = str(_value(attributes.pop("name"))) if "name" in attributes else kind
    if 4 in item:
        raise InputError(f"operation {kind} ({name}) has blocks of its own, which are not understood; export again")
    return Operation(
        kind=kind,
        name=name,
        inputs={_text(entry, 1): _bindings(_message(entry, 2)) for entry in _messages(item, 2)},
        constants={key: _value(value) for key, value in attributes.items()},
        outputs=tuple((_text(out, 1), _type(_message(out, 2))) for out in _messages(item, 3)),
    )


def _bindings(argument: wire.Message) -> tuple[str | Anything | Blob, ...]:
    return tuple(_text(item, 1) if 1 in item else _value(_message(item, 2)) for item in _messages(argument, 1))


def _type(item: wire.Message) -> TensorType:
    if 1 not in item:
        raise InputError("expected tensors only, found a list, tuple or state in the program; export again")
    tensor = _message(item, 1)
    dtype = DTYPES.get(_int(tensor, 1))
    if dtype is None:
        raise InputError(f"expected one of the types {', '.join(DTYPES.values())}, found type {_int(tensor, 1)}")
    sizes = []
    for dimension in _messages(tensor, 3):
        if 1 not in dimension:
            raise InputError("expected fixed shapes, found one of unknown size; export again with a fixed tile")
        sizes.append(_int(_message(dimension, 1), 1))
    if min(sizes, default=0) < 0:
        raise InputError(f"expected sizes of zero or more, found shape {sizes}; export again")
    if int(np.prod(sizes, dtype=np.float64)) > MAX_ELEMENTS:
        raise InputError(
            f"expected tensors of at most {MAX_ELEMENTS} elements, found shape {sizes}: give a smaller tile"
        )
    return TensorType(dtype, tuple(sizes))


def _value(item: wire.Message) -> Anything | Blob:
    kind = _type(_message(item, 2))
    if 5 in item:
        blob = _message(item, 5)
        return Blob(_text(blob, 1), _int(blob, 2), kind)
    immediate = _message(item, 3)
    if 1 not in immediate:
        raise InputError("expected constant tensors only, found a list or tuple in the program; export again")
    return _tensor(_message(immediate, 1), kind)


def _tensor(item: wire.Message, kind: TensorType) -> Anything:
    """The array that a TensorValue holds: one field for each family of types, small types as raw bytes."""
    array: Anything
    if 7 in item:
        return stored_values(_bytes(_message(item, 7), 1), kind)
    if 1 in item:
        array = np.frombuffer(_bytes(_message(item, 1), 1), "<f4")
    elif 4 in item:
        array = np.array([_string(text) for text in _message(item, 4).get(1, [])])
    elif 2 in item or 3 in item:
        array = np.array(_integers(_message(item, 2 if 2 in item else 3), 1), np.int64).astype(NUMPY[kind.dtype])
    else:  # false and zero are what proto3 leaves out
        array = np.zeros(kind.shape, NUMPY.get(kind.dtype, np.dtype(np.int32)))
    if array.size != int(np.prod(kind.shape)):
        raise InputError(f"expected a constant of shape {list(kind.shape)}, found {array.size} elements; export again")
    return array.reshape(kind.shape)


def _messages(item: wire.Message, number: int) -> list[wire.Message]:
    return [wire.message(_view(value), WHAT) for value in item.get(number, [])]


def _message(item: wire.Message, number: int) -> wire.Message:
    """The sub-message, empty where proto3 left it out."""
    found = _messages(item, number)
    return found[-1] if found else {}


def _map(item: wire.Message, number: int) -> dict[str, wire.Message]:
    return {_text(entry, 1): _message(entry, 2) for entry in _messages(item, number)}


def _view(value: wire.Field) -> memoryview:
    if not isinstance(value, memoryview):
        raise InputError(f"expected {WHAT}, found a number in place of a message; export the bundle again")
    return value


def _string(value: wire.Field) -> str:
    return bytes(_view(value)).decode("utf-8", "replace")


def _text(item: wire.Message, number: int) -> str:
    return _string(item[number][-1]) if number in item else ""


def _bytes(item: wire.Message, number: int) -> bytes:
    """Packed floats are bytes with a length, one float by itself has a fixed width."""
    return b"".join(value if isinstance(value, bytes) else bytes(_view(value)) for value in item.get(number, []))


def _int(item: wire.Message, number: int) -> int:
    found: Sequence[int] = _integers(item, number)
    return found[-1] if found else 0


def _integers(item: wire.Message, number: int) -> tuple[int, ...]:
    """Signed numbers, one by one or packed."""
    found: list[int] = []
    for value in item.get(number, []):
        found += wire.numbers(value, WHAT)
    return tuple(number - (1 << 64) if number >= 1 << 63 else number for number in found)
