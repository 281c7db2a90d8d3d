"""LiteRT on the CPU: its own kernels, or XNNPACK's where the delegate has them, and it is said which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from dlgsanet.errors import UnavailableError, one_line
from runtimes.backends.litert import ENGINE
from runtimes.backends.litert.interpreter import Interpreter, open_interpreter, with_outputs
from runtimes.backends.litert.layers import layers, not_delegated, reported_precision
from runtimes.backends.litert.probe import CPU, prove
from runtimes.bundle.integrity import read_verified
from runtimes.bundle.manifest import Artifact
from runtimes.machine.processor import available_threads
from runtimes.runner.blame import blame
from runtimes.runner.contract import RunInfo, Runner, RunOptions
from runtimes.runner.ports import CHANNELS_LAST, as_stored, from_stored, require_host_ports, require_port
from runtimes.runner.tiling import Array
from runtimes.runner.work_by_precision import by_precision


class LiteRtRunner(Runner):
    """A `.tflite` file in LiteRT's interpreter, with a fixed number of threads."""

    def __init__(self, bundle: Path, artifact: Artifact, scale: int, options: RunOptions) -> None:
        super().__init__(scale, (artifact.tile,))
        self._bundle, self._artifact, self._options = bundle, artifact, options
        self._interpreter: Interpreter | None = None
        self._input, self._outputs = 0, {artifact.output.name: 0}

    def macs(self) -> dict[str, int]:
        return by_precision(layers(self._running))

    def _open(self) -> RunInfo:
        artifact, taps = self._artifact, self._options.taps
        require_host_ports(artifact, (), CHANNELS_LAST)
        if self._options.device.upper() != CPU:
            raise UnavailableError(f"LiteRT has no device '{self._options.device}' here; available: {CPU}")
        ENGINE.load()
        threads = self._options.threads or available_threads()
        model = read_verified(self._bundle, artifact.path, artifact.files[artifact.path])
        try:
            interpreter = open_interpreter(with_outputs(artifact.id, model, taps), threads)
            # Names are decoded only when they are asked for, and may be no text.
            given, made = interpreter.get_input_details(), interpreter.get_output_details()
            device, precision = _device(interpreter), reported_precision(interpreter)
        except (ValueError, RuntimeError, LookupError) as error:
            raise blame(f"{artifact.id}: LiteRT cannot load it: {one_line(str(error))}", prove) from error
        require_port(artifact.id, artifact.input, _shapes(given))
        require_port(artifact.id, artifact.output, _shapes(made))
        self._interpreter = interpreter
        self._input = int(given[0]["index"])
        self._outputs = {str(each["name"]): int(each["index"]) for each in made}
        return RunInfo(
            artifact=artifact.id,
            backend=ENGINE.name,
            device=device,
            requested_precision=artifact.precision,
            reported_precision=precision,
            threads=threads,
            versions={ENGINE.name: version("ai-edge-litert"), "numpy": version("numpy")},
        )

    def _infer(self, tile: Array) -> Array:
        artifact, run = self._artifact, self._running
        run.set_tensor(self._input, as_stored(tile, artifact.input))
        try:
            run.invoke()
        except RuntimeError as error:
            raise blame(f"{artifact.id}: LiteRT failed: {one_line(str(error))}", prove) from error
        return from_stored(run.get_tensor(self._outputs[artifact.output.name]), artifact.output)

    def _inspect(self, tile: Array) -> tuple[Array, dict[str, Array]]:
        """Pictures inside have their channels last, too."""
        sr = self._infer(tile)
        found = {name: self._running.get_tensor(self._outputs[name]) for name in self._options.taps}
        return sr, {name: np.ascontiguousarray(array.transpose(0, 3, 1, 2)) for name, array in found.items()}

    @property
    def _running(self) -> Interpreter:
        assert self._interpreter is not None
        return self._interpreter

    def _close(self) -> None:
        self._interpreter = None


def _shapes(details: Sequence[Mapping[str, Any]]) -> dict[str, tuple[object, ...]]:
    return {str(each["name"]): tuple(int(side) for side in each["shape"]) for each in details}


def _device(interpreter: Interpreter) -> str:
    """The CPU, by whose kernels, and which operators have none of these."""
    left = not_delegated(interpreter)
    said = ", ".join(f"{count} {kind}" for kind, count in left.items())
    return f"{CPU} (XNNPACK, without {said})" if said else f"{CPU} (XNNPACK)"
