"""Compiling ONNX to an engine in a process of its own: its crash is one line, a hang ends, Ctrl-C leaves nothing.

`compile_engine` is the parent's side, `runtimes.backends.tensorrt.compiling.worker` the child. The child answers in
JSON, one object a line.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dlgsanet.errors import BackendError, UnavailableError
from runtimes.backends.tensorrt.layers import KernelTable
from runtimes.machine.clock import now_ms
from runtimes.machine.exit_name import exit_name

HOME = Path(__file__).resolve().parents[4]
Say = Callable[[str], None]
FIXED = "fixed"  # asks the worker for memory at fixed addresses
_PATIENCE_S = 5.0


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
    options: dict[str, str]
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


class RefusedError(BackendError):
    """The builder itself said that it cannot make an engine of this graph; it did not crash."""


def compile_engine(job: CompileJob, timeout_s: float, say: Say) -> Compiled:
    """Compile `job.onnx` to `job.engine`, which appears only whole.

    Raises RefusedError (the parser or builder says why), BackendError (it crashed, or did not end in time),
    UnavailableError (the library is missing); KeyboardInterrupt ends the child.
    """
    what = f"compiling {Path(job.onnx).name}"
    found = _ask({"do": "compile", **asdict(job)}, timeout_s, what, say, fixed=job.sm is not None)
    table = KernelTable.from_json(found["kernels"]) if found["kernels"] else None
    return Compiled(
        found["version"], found["options"], table, found["seconds"], found["peak_mb"], tuple(found["warnings"])
    )


def describe_library(library: str, timeout_s: float = 120.0) -> Stack:
    """Import the library in a child and say what it is. Raises UnavailableError where it is missing or broken."""
    try:
        found = _ask({"do": "describe", "library": library}, timeout_s, f"importing {library}", lambda line: None)
    except BackendError as error:
        raise UnavailableError(f"{library} is installed but does not work: {error}") from error
    return Stack(library, found["version"], found["typed_only"], found["dla_cores"])


def _ask(request: dict[str, Any], timeout_s: float, what: str, say: Say, *, fixed: bool = False) -> dict[str, Any]:
    """The child's last word."""
    deadline = now_ms() + 1e3 * timeout_s
    with _child(fixed) as (process, lines):
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it is gone already; below it is said how
            process.stdin.write(json.dumps(request).encode())
            process.stdin.close()
        said: list[str] = []
        while True:
            try:
                source, line = lines.get(timeout=max(0.0, min(0.2, (deadline - now_ms()) / 1e3)))
            except queue.Empty:
                if now_ms() >= deadline:
                    raise BackendError(
                        f"{what} did not end within {timeout_s:g} s and was stopped: give a longer --timeout, or a "
                        "lower --optimization"
                    ) from None
                continue
            if line is None and source == "answers":
                break
            if line is None:
                continue
            if source == "errors":
                said.append(line)
                del said[:-50]
                continue
            answer = json.loads(line)
            if "step" in answer:
                say(answer["step"])
            elif "missing" in answer:
                raise UnavailableError(answer["missing"])
            elif "refused" in answer:
                raise RefusedError(answer["refused"])
            else:
                return dict(answer["done"])
        process.wait(_PATIENCE_S)
        raise BackendError(f"{what}: the builder's process ended ({exit_name(process.returncode)}){_last(lines, said)}")


@contextmanager
def _child(fixed: bool) -> Iterator[tuple[subprocess.Popen[bytes], queue.Queue[tuple[str, str | None]]]]:
    """The worker and what it says, line by line. It never outlives the block: a builder in native code hears no
    Ctrl-C, so it has a session of its own and is ended from here."""
    path = os.pathsep.join(filter(None, (str(HOME), os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        [sys.executable, "-m", "runtimes.backends.tensorrt.compiling.worker", *([FIXED] if fixed else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )
    lines: queue.Queue[tuple[str, str | None]] = queue.Queue()
    readers = [
        threading.Thread(target=_read, args=(stream, name, lines), daemon=True)
        for stream, name in ((process.stdout, "answers"), (process.stderr, "errors"))
    ]
    for reader in readers:
        reader.start()
    try:
        yield process, lines
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for reader in readers:
            reader.join(_PATIENCE_S)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


def _read(stream: Any, name: str, lines: queue.Queue[tuple[str, str | None]]) -> None:
    for line in stream:
        if text := line.decode("utf-8", "replace").strip():
            lines.put((name, text))
    lines.put((name, None))


def _last(lines: queue.Queue[tuple[str, str | None]], said: list[str]) -> str:
    """The last thing that it wrote to its standard error."""
    with suppress(queue.Empty):
        while True:
            source, line = lines.get(timeout=0.2)
            if source == "errors" and line is None:
                break
            if source == "errors" and line is not None:
                said.append(line)
    return f": {said[-1][:300]}" if said else ""
