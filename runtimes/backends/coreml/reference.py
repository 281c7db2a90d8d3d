"""`coreml-reference`: a Core ML package computed by the NumPy interpreter, on any machine, to judge its numbers.

It is no device. What it reports as precision is what the package itself says: the type of its results and the form
of its weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np

from dlgsanet.errors import InputError
from runtimes.backends.coreml import REFERENCE
from runtimes.backends.coreml.mil.executor import Executor, Observer
from runtimes.backends.coreml.mil.program import Blob, Model, read_model
from runtimes.backends.coreml.mil.tensor_types import Anything
from runtimes.bundle.integrity import read_verified, require_only
from runtimes.bundle.manifest import Artifact
from runtimes.runner.contract import RunInfo, Runner
from runtimes.runner.ports import (
    CHANNELS_FIRST,
    PICTURE,
    from_pixels,
    require_host_ports,
    require_port,
    require_taps,
    to_pixels,
)
from runtimes.runner.tiling import Array
from runtimes.runner.work_by_precision import Layer, by_precision, convolution_macs, product_macs

SPECIFICATION = "Data/com.apple.CoreML/model.mlmodel"
WEIGHTS = "Data/com.apple.CoreML/weights/"
PROGRAM_WEIGHTS = "@model_path/weights/"  # what the program calls the folder
_TABLES = {256: "pal8", 64: "pal6", 16: "pal4"}


def read_package(bundle: Path, artifact: Artifact) -> tuple[Model, dict[str, bytes]]:
    """The artifact's program (a function of its package) and the weight files, every byte checked against the
    manifest. Raises InputError."""
    names = {path.removeprefix(artifact.path + "/"): sha for path, sha in artifact.files.items()}
    if SPECIFICATION not in names:
        raise InputError(f"{artifact.id}: the manifest lists no '{SPECIFICATION}'; export the bundle again")
    require_only(bundle, artifact.path, artifact.files)  # Core ML opens the folder, not the bytes that were hashed
    held = {name: read_verified(bundle, f"{artifact.path}/{name}", sha) for name, sha in names.items()}
    weights = {PROGRAM_WEIGHTS + name[len(WEIGHTS) :]: data for name, data in held.items() if name.startswith(WEIGHTS)}
    return read_model(held[SPECIFICATION], artifact.function), weights


class MilRunner(Runner):
    """Interprets one package; `strict` rounds fp16 results as the program's types say."""

    def __init__(
        self, bundle: Path, artifact: Artifact, scale: int, *, strict: bool = True, taps: tuple[str, ...] = ()
    ) -> None:
        super().__init__(scale, (artifact.tile,))
        self._taps = taps
        self._bundle, self._artifact, self._strict = bundle, artifact, strict
        self._executor: Executor | None = None
        self._model: Model | None = None
        self.observe: Observer | None = None
        """Called with the name and value of everything that is computed, if set."""

    def _open(self) -> RunInfo:
        artifact = self._artifact
        require_host_ports(artifact, (), CHANNELS_FIRST)
        model, weights = self._read()
        for port, features in ((artifact.input, model.inputs), (artifact.output, model.outputs)):
            require_port(artifact.id, port, {feature.name: feature.shape for feature in features})
            image = {feature.name: feature.image for feature in features}
            if image[port.name] != (port.layout == PICTURE):
                raise InputError(f"{artifact.id}: '{port.name}' is not {port.layout} in the package; export it again")
        self._executor, self._model = Executor(model, weights, strict=self._strict), model
        return RunInfo(
            artifact=artifact.id,
            backend=artifact.backend,
            device=REFERENCE,
            requested_precision=artifact.precision,
            reported_precision=precision_of(model),
            threads=1,
            versions={"numpy": version("numpy")},
        )

    def _read(self) -> tuple[Model, dict[str, bytes]]:
        """The program, and its weight files by the names that it has for them. Raises InputError."""
        return read_package(self._bundle, self._artifact)

    def _infer(self, tile: Array) -> Array:
        assert self._executor is not None
        port = self._artifact.input
        given = to_pixels(tile) if port.layout == PICTURE else tile
        found: Mapping[str, Anything] = self._executor.run({port.name: given}, self.observe)
        sr = np.ascontiguousarray(found[self._artifact.output.name], np.float32)
        return from_pixels(sr) if self._artifact.output.layout == PICTURE else sr

    def _inspect(self, tile: Array) -> tuple[Array, dict[str, Array]]:
        inside: dict[str, Array] = {}

        def keep(name: str, value: Anything) -> None:
            if name in self._taps:
                inside[name] = np.array(value, np.float32)

        before, self.observe = self.observe, keep
        try:
            sr = self._infer(tile)
        finally:
            self.observe = before
        require_taps(self._artifact.id, self._taps, inside)
        return sr, inside

    def macs(self) -> dict[str, int]:
        """By the types that the package declares: what a device makes of them, the interpreter cannot know."""
        return {} if self._model is None else by_precision(layers(self._model))

    def _close(self) -> None:
        self._executor = self._model = None


def layers(model: Model) -> Iterator[Layer]:
    """Every convolution and matrix product of the program; `int8` are those that read a dequantized input."""
    shapes = {feature.name: feature.shape for feature in model.inputs}
    integers = set()
    for operation in model.operations:
        (name, kind), *_ = operation.outputs
        shapes |= {made: each.shape for made, each in operation.outputs}
        if operation.kind == "dequantize":
            integers.add(name)
        if operation.kind not in ("conv", "matmul"):
            continue
        left = str(operation.inputs["x"][0])
        precision = "int8" if left in integers else kind.dtype
        if operation.kind == "conv":
            weight = shapes[str(operation.inputs["weight"][0])]
            yield Layer(precision, convolution_macs(weight, int(np.prod(kind.shape[2:]))))
        else:
            yield Layer(precision, product_macs(shapes[left], kind.shape))


def precision_of(model: Model) -> str:
    """The precision as in artifact ids: fp32; int8 where activations are quantized, too; else fp16 with the form in
    which most stored weight elements lie."""
    types = {kind.dtype for operation in model.operations if operation.kind == "conv" for _, kind in operation.outputs}
    if types != {"fp16"}:
        return "fp32" if types == {"fp32"} else "mixed"
    if any(operation.kind == "quantize" for operation in model.operations):
        return "int8"
    forms: Counter[str] = Counter()
    for operation in model.operations:
        elements = int(np.prod(operation.outputs[0][1].shape)) if operation.outputs else 0
        if operation.kind == "constexpr_affine_dequantize":
            forms["int8w"] += elements
        elif operation.kind == "constexpr_blockwise_shift_scale":
            data = operation.written["data"]
            kind = data.type.dtype if isinstance(data, Blob) else str(data.dtype)
            forms["int8w" if kind == "int8" else "quantized"] += elements
        elif operation.kind == "constexpr_lut_to_dense":
            table = operation.written["lut"]
            shape = table.type.shape if isinstance(table, Blob) else table.shape
            values = shape[-1] if len(shape) == 1 else shape[-2]  # iOS 16: one axis; iOS 18: ..., values, vector
            forms[_TABLES.get(values, "palettized")] += elements
        elif operation.kind == "const" and operation.outputs[0][1].dtype == "fp16":
            forms["fp16"] += elements
    return forms.most_common(1)[0][0] if forms else "fp16"
