"""What every session of ONNX Runtime here has in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Protocol

from dlgsanet.errors import BackendError, EdgeError
from runtimes.backends.onnxruntime import ENGINE
from runtimes.backends.onnxruntime.probe import prove
from runtimes.backends.onnxruntime.provider import CPU, Provider
from runtimes.bundle.manifest import Artifact
from runtimes.runner.blame import Try, blame
from runtimes.runner.tiling import Array

ON_CPU = Provider(CPU)
EXACT_INT8 = ("session.x64quantprecision", "1")
"""Without VNNI pairs of INT8 products are added in 16 bits, which large ones overflow. This takes kernels that add in
32 bits; ONNX Runtime heeds it on such processors only."""


class Value(Protocol):
    """An input or output of a model."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> Sequence[int | str | None]: ...


class Session(Protocol):
    """What is used of `onnxruntime.InferenceSession`."""

    def run(self, names: Sequence[str] | None, inputs: Mapping[str, Array]) -> list[Array]: ...
    def get_providers(self) -> list[str]: ...
    def get_inputs(self) -> Sequence[Value]: ...
    def get_outputs(self) -> Sequence[Value]: ...


def quiet_options(ort: ModuleType, threads: int, *, resting: bool = False) -> Any:
    """Session options: a fixed number of threads that rest between runs, and with `resting` within them, too; no
    warnings."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: warnings are not for the user's terminal
    # Without it the pool spins on after a run, and steals the cores from whatever is timed next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.add_session_config_entry(*EXACT_INT8)
    if resting:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def provider_options(ort: ModuleType, provider: Provider, threads: int, *, resting: bool = False) -> Any:
    """As `quiet_options`, for one provider and no other."""
    options = quiet_options(ort, threads, resting=resting)
    if not provider.on_cpu:
        # A node that the provider lacks would run on the CPU without a word.
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    return options


def run_tile(session: Session, artifact: Artifact, tile: Array) -> Array:
    """The artifact's output for a tile. Raises InputError or BackendError with what ONNX Runtime said."""
    try:
        found = session.run([artifact.output.name], {artifact.input.name: tile})
    except Exception as error:
        said = f"{artifact.id}: ONNX Runtime failed: {error}"
        on_cpu = session.get_providers()[0] == CPU  # other devices fail for reasons of their own, such as memory
        raise (refused(said, ON_CPU) if on_cpu else BackendError(said)) from error
    return found[0]


def refused(said: str, provider: Provider, elsewhere: Try | None = None) -> EdgeError:
    """The error for a file that a provider does not take: see `runtimes.runner.blame`."""
    return blame(said, lambda: prove(ENGINE.load(), provider), elsewhere)
