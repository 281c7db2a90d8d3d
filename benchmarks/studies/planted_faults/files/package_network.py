"""A Core ML package: blobs changed where they lie in the weight file, small constants in the specification."""

from __future__ import annotations

import importlib
import math
from pathlib import Path

import numpy as np

from benchmarks.studies.planted_faults.fault import Changed, Values
from benchmarks.studies.planted_faults.files.tracing import FileStep, NetworkFile, as_stored
from runtimes.backends.coreml.mil.program import Blob, Operation
from runtimes.backends.coreml.mil.tensor_types import BITS, TensorType
from runtimes.backends.coreml.mil.weight_blobs import DESCRIPTION, read_blob
from runtimes.backends.coreml.reference import PROGRAM_WEIGHTS, SPECIFICATION, WEIGHTS, read_package
from runtimes.bundle.manifest import Artifact

SLOTS = ("x", "weight", "bias")  # of a convolution, in the order that other formats have


class PackageNetwork(NetworkFile):
    """Constants are called as the program calls them; those that are attributes, `operation.parameter`."""

    def __init__(self, bundle: Path, artifact: Artifact) -> None:
        self._folder = artifact.path
        model, self._weights = read_package(bundle, artifact)
        self._specification = (bundle / artifact.path / SPECIFICATION).read_bytes()
        self._places: dict[str, Blob] = {}
        held: dict[str, Values] = {}
        steps = []
        for operation in model.operations:
            if operation.kind == "const":
                name, value = operation.outputs[0][0], operation.constants["val"]
            if operation.kind == "const" and _is_numeric(value):
                held[name] = self._constant(name, value)
            if operation.kind != "const":
                own = {f"{operation.name}.{key}": value for key, value in operation.constants.items()}
                kept = {key: self._constant(key, value) for key, value in own.items() if _is_numeric(value)}
                held |= _shaped(operation, kept)
                names = (*_inputs(operation), *own)
                steps.append(FileStep(operation.kind, names, tuple(name for name, _ in operation.outputs)))
        self.constants, self.steps = held, tuple(steps)

    def _constant(self, key: str, value: Values | Blob) -> Values:
        if isinstance(value, Blob):
            self._places[key] = value
            return read_blob(self._weights[value.file], value)
        return value

    def written(self, changed: Changed) -> dict[str, bytes]:
        files = {name: bytearray(data) for name, data in self._weights.items()}
        small: dict[str, Values] = {}
        for key, values in changed.items():
            kept = as_stored(values, self.constants[key])
            if key not in self._places:
                small[key] = kept
                continue
            blob = self._places[key]
            start = DESCRIPTION.unpack_from(self._weights[blob.file], blob.offset)[3]
            data = _packed(kept, blob.type)
            files[blob.file][start : start + len(data)] = data
        weights = f"{self._folder}/{WEIGHTS}"
        made = {weights + name.removeprefix(PROGRAM_WEIGHTS): bytes(data) for name, data in files.items()}
        return made | {f"{self._folder}/{SPECIFICATION}": _rewritten(self._specification, small)}


def _is_numeric(value: Values | Blob) -> bool:
    return isinstance(value, Blob) or value.dtype.kind in "fiu"


def _shaped(operation: Operation, kept: dict[str, Values]) -> dict[str, Values]:
    """Up to iOS 17 the indices of a palette lie flat beside their shape; those of fewer bits are packed, and stay."""
    indices, shape = (kept.get(f"{operation.name}.{key}") for key in ("indices", "shape"))
    if indices is None or shape is None or indices.size != math.prod(sides := shape.tolist()):
        return kept
    return kept | {f"{operation.name}.indices": indices.reshape(sides)}


def _inputs(operation: Operation) -> tuple[str, ...]:
    bound = {key: value for key, values in operation.inputs.items() for value in values if isinstance(value, str)}
    first = [bound.pop(slot) for slot in SLOTS if slot in bound] if operation.kind == "conv" else []
    lead = [bound.pop(slot) for slot in ("input", "x") if slot in bound]
    return (*first, *lead, *(value for key, value in bound.items() if operation.kind != "conv"))


def _packed(values: Values, kind: TensorType) -> bytes:
    """As they lie in a blob: indices below 8 bits side by side."""
    if kind.dtype not in BITS:
        return values.tobytes()
    bits = np.unpackbits(values.reshape(-1, 1).astype(np.uint8), axis=1, count=BITS[kind.dtype], bitorder="little")
    return np.packbits(bits.reshape(-1), bitorder="little").tobytes()


def _rewritten(specification: bytes, small: Changed) -> bytes:
    """The specification with other values of constants that are written in place."""
    if not small:
        return specification
    model = importlib.import_module("coremltools.proto.Model_pb2").Model()
    model.ParseFromString(specification)
    for function in model.mlProgram.functions.values():
        for block in function.block_specializations.values():
            for operation in block.operations:
                for key, value in operation.attributes.items():
                    name = operation.outputs[0].name if operation.type == "const" else f"{_named(operation)}.{key}"
                    if name in small and key != "name":
                        _set(value.immediateValue.tensor, small[name])
    written: bytes = model.SerializeToString()
    return written


def _named(operation: object) -> str:
    held = operation.attributes["name"].immediateValue.tensor.strings.values  # type: ignore[attr-defined]
    return str(held[0])


def _set(tensor: object, values: Values) -> None:
    if tensor.WhichOneof("value") == "bytes":  # type: ignore[attr-defined]
        tensor.bytes.values = values.tobytes()  # type: ignore[attr-defined]
    else:
        tensor.floats.values[:] = values.astype(np.float32).reshape(-1).tolist()  # type: ignore[attr-defined]
