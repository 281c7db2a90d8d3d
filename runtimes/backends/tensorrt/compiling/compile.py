"""Compiling ONNX to an engine in a process of its own (`runtimes.machine.child`): its crash is one line, a hang ends,
Ctrl-C leaves nothing.

`compile_engine` is the parent's side, `runtimes.backends.tensorrt.compiling.worker` the child.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from dlgsanet.errors import BackendError, UnavailableError
from dlgsanet.storage.typed_json import decode
from runtimes.backends.tensorrt.layers import KernelTable
from runtimes.machine.child import Job, Say, ask

WORKER = "runtimes.backends.tensorrt.compiling.worker"
FIXED = "fixed"  # asks the worker for memory at fixed addresses


@dataclass(frozen=True)
class CompileJob:
    """`library` is the Python package to compile with; `sm` (such as sm86) compiles ahead of time, None for the GPU
    that is here. `weak` lets TensorRT choose types (`half`, `integer`: which beside fp32); else the graph's types
    hold. Limits in MiB; `optimization` is TensorRT's level, None its default."""

    library: str
    onnx: str
    engine: str
    sm: str | None = None
    weak: bool = False
    half: bool = False
    integer: bool = False
    workspace_mb: int | None = None
    optimization: int | None = None
    timing_cache: str | None = None


@dataclass(frozen=True)
class Compiled:
    """What the builder said. `options` are those that this version really took."""

    version: str
    options: Mapping[str, str]
    table: KernelTable | None
    seconds: float
    peak_mb: float
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Stack:
    """What a library can build here, without building: its version, DLA cores, and the GPU where there is one."""

    library: str
    version: str
    typed_only: bool
    dla_cores: int | None


class RefusedError(UnavailableError):
    """The builder itself said that it cannot make an engine of this graph; it did not crash. Another version or GPU
    may."""


def compile_engine(job: CompileJob, timeout_s: float, say: Say) -> Compiled:
    """Compile `job.onnx` to `job.engine`, which appears only whole.

    Raises RefusedError (the parser or builder says why), BackendError (it crashed, or did not end in time),
    UnavailableError (the library is missing); KeyboardInterrupt ends the child.
    """
    told = ask(
        Job(
            WORKER,
            {"compile": asdict(job)},
            f"compiling {Path(job.onnx).name}",
            timeout_s,
            arguments=() if job.sm is None else (FIXED,),
            advice="give a longer --timeout, or a lower --optimization",
        ),
        say,
    )
    return decode(Compiled, told, "the builder", "please report this")


def describe_library(library: str, timeout_s: float = 120.0) -> Stack:
    """Import the library in a child and say what it is. Raises UnavailableError where it is missing or broken."""
    try:
        told = ask(Job(WORKER, {"describe": library}, f"importing {library}", timeout_s))
    except BackendError as error:
        raise UnavailableError(f"{library} is installed but does not work: {error}") from error
    return decode(Stack, told, library, "please report this")
