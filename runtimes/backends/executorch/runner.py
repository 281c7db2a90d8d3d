"""ExecuTorch on the CPU: what its delegate XNNPACK took, its own kernels for the rest, and it is said which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

from dlgsanet.errors import UnavailableError, one_line
from runtimes.backends.executorch import ENGINE
from runtimes.backends.executorch.layers import ProgramFile
from runtimes.backends.executorch.method import OpenMethod, TensorFacts, bindings
from runtimes.backends.executorch.probe import CPU, prove
from runtimes.backends.executorch.trial import require_opens
from runtimes.backends.torch import ENGINE as TORCH
from runtimes.bundle.integrity import read_verified
from runtimes.bundle.manifest import Artifact, Port
from runtimes.machine.processor import available_threads
from runtimes.runner.blame import blame
from runtimes.runner.contract import RunInfo, Runner, RunOptions
from runtimes.runner.ports import require_host_ports, require_port
from runtimes.runner.tiling import Array
from runtimes.runner.work_by_precision import by_precision


class ExecuTorchRunner(Runner):
    """A `.pte` file in ExecuTorch's runtime, with a fixed number of threads."""

    def __init__(self, bundle: Path, artifact: Artifact, scale: int, options: RunOptions) -> None:
        super().__init__(scale, (artifact.tile,))
        self._bundle, self._artifact, self._options = bundle, artifact, options
        self._method: OpenMethod | None = None
        self._file = ProgramFile(b"")

    def macs(self) -> dict[str, int]:
        return by_precision(self._file.layers)

    def _open(self) -> RunInfo:
        artifact = self._artifact
        require_host_ports(artifact, ())
        if self._options.device.upper() != CPU:
            raise UnavailableError(f"ExecuTorch has no device '{self._options.device}' here; available: {CPU}")
        if self._options.taps:
            raise UnavailableError(f"{artifact.id}: a compiled program of ExecuTorch shows nothing of its inside")
        bindings()
        threads = self._options.threads or available_threads()
        data = read_verified(self._bundle, artifact.path, artifact.files[artifact.path])
        require_opens(artifact.id, self._bundle / artifact.path)
        try:
            method, program = OpenMethod(data, threads), ProgramFile(data)
            precision, left = program.precision, program.left
            facts = method.facts
            given = _shapes(artifact.input, facts.num_inputs(), facts.input_tensor_meta)
            made = _shapes(artifact.output, facts.num_outputs(), facts.output_tensor_meta)
        except (ValueError, RuntimeError) as error:
            raise blame(f"{artifact.id}: ExecuTorch cannot load it: {one_line(str(error))}", prove) from error
        require_port(artifact.id, artifact.input, given)
        require_port(artifact.id, artifact.output, made)
        self._method, self._file = method, program
        return RunInfo(
            artifact=artifact.id,
            backend=ENGINE.name,
            device=_device(left),
            requested_precision=artifact.precision,
            reported_precision=precision,
            threads=threads,
            versions={name: version(name) for name in (ENGINE.name, TORCH.name, "numpy")},
        )

    def _infer(self, tile: Array) -> Array:
        assert self._method is not None
        try:
            return self._method.run(tile)
        except RuntimeError as error:
            raise blame(f"{self._artifact.id}: ExecuTorch failed: {one_line(str(error))}", prove) from error

    def _close(self) -> None:
        self._method = None


def _shapes(port: Port, count: int, facts: Callable[[int], TensorFacts]) -> Mapping[str, tuple[object, ...]]:
    """The format has no names of inputs and outputs: the only one is the port's."""
    return {port.name if count == 1 else f"{number}": tuple(facts(number).sizes()) for number in range(count)}


def _device(left: Mapping[str, int]) -> str:
    """The CPU, by whose kernels, and which operators have none of these."""
    said = ", ".join(f"{count} {kind}" for kind, count in left.items())
    return f"{CPU} (XNNPACK, without {said})" if said else f"{CPU} (XNNPACK)"
