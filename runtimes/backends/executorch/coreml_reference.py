"""What ExecuTorch's delegate for Core ML holds, computed by the interpreter of Core ML packages, to judge its numbers:
the package lies in the `.pte` file, byte for byte. It is no device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dlgsanet.errors import InputError, UnavailableError, one_line
from runtimes.backends.coreml import REFERENCE
from runtimes.backends.coreml.mil.program import Model, read_model
from runtimes.backends.coreml.reference import PROGRAM_WEIGHTS, SPECIFICATION, WEIGHTS, MilRunner
from runtimes.backends.executorch.layers import require_whole
from runtimes.backends.executorch.memory_folder import read_folder
from runtimes.bundle.integrity import read_verified
from runtimes.bundle.manifest import Artifact
from runtimes.runner.contract import RunInfo, RunOptions

DELEGATE = "CoreMLBackend"
_PACKAGE = "model.mlpackage/"


class DelegateReference(MilRunner):
    """Interprets the package in one `.pte` file, with every rounding that its types say. Opening it raises
    UnavailableError for every device but the interpreter, and where the inside is asked for."""

    def __init__(self, bundle: Path, artifact: Artifact, scale: int, options: RunOptions) -> None:
        super().__init__(bundle, artifact, scale)
        self._options = options

    def _open(self) -> RunInfo:
        name = self._artifact.id
        if self._options.device != REFERENCE:
            raise UnavailableError(
                f"{name}: it runs in apps with ExecuTorch's Core ML delegate, on Apple devices, and not here; "
                f"`dlgsanet check` judges its numbers with {REFERENCE}"
            )
        if self._options.taps:
            raise UnavailableError(f"{name}: a compiled program of ExecuTorch shows nothing of its inside")
        return super()._open()

    def _read(self) -> tuple[Model, dict[str, bytes]]:
        artifact = self._artifact
        data = read_verified(self._bundle, artifact.path, artifact.files[artifact.path])
        try:
            model, weights = read_delegate(data)
        except ValueError as error:
            raise InputError(f"{artifact.id}: {one_line(str(error))}; export it again") from error
        return with_output(model, artifact.output.name), weights


def read_delegate(data: bytes) -> tuple[Model, dict[str, bytes]]:
    """The program inside of a `.pte` file and its weights by the names that it has for them. Raises ValueError or
    InputError for a file that is anything else than one call of the delegate."""
    held = {path.removeprefix(_PACKAGE): file for path, file in read_folder(require_whole(data, DELEGATE)).items()}
    if SPECIFICATION not in held:
        raise ValueError(f"the delegate holds no {SPECIFICATION}")
    weights = {PROGRAM_WEIGHTS + path[len(WEIGHTS) :]: file for path, file in held.items() if path.startswith(WEIGHTS)}
    return read_model(held[SPECIFICATION]), weights


def with_output(model: Model, name: str) -> Model:
    """The same program, its only result called `name`: the delegate calls it by the operator that makes it, and the
    file's one method has no names at all. Raises InputError for several results."""
    if len(model.results) != 1 or len(model.outputs) != 1:
        raise InputError(f"expected one result, found {', '.join(model.results) or 'none'}; export it again")
    (old,) = model.results
    renamed = tuple(
        replace(step, outputs=tuple((name if each == old else each, kind) for each, kind in step.outputs))
        for step in model.operations
    )
    outputs = (replace(model.outputs[0], name=name),)
    return replace(model, outputs=outputs, operations=renamed, results=(name,))
