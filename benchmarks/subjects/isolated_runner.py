"""A runner in a process of its own: a backend that crashes takes nothing with it, and its memory can be told.

The child is spawned (not forked: backends hold threads), so it starts bare and imports only what it runs.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol, TypeVar

from dlgsanet.errors import BackendError, EdgeError
from runtimes.machine.clock import now_ms, time_interleaved
from runtimes.machine.exit_name import exit_name
from runtimes.machine.memory import peak_rss_mb
from runtimes.machine.power import Energy, energy_meter
from runtimes.machine.start import HOME, killed_with_parent
from runtimes.runner.contract import Compiling, RunInfo, Runner
from runtimes.runner.tiling import Array

Answer = TypeVar("Answer", covariant=True)
_PATIENCE_S = 3.0
_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_PARENT_GONE = (EOFError, BrokenPipeError, ConnectionResetError)


@dataclass(frozen=True)
class Opened:
    """What the child says once its runner is open; `load_ms` includes the backend's import."""

    info: RunInfo
    load_ms: float


class Question(Protocol[Answer]):
    """What the parent sends: the child calls it with its runner and sends the answer back."""

    def __call__(self, run: Runner) -> Answer: ...


@dataclass(frozen=True)
class Infer:
    """Upscale one tile."""

    tile: Array

    def __call__(self, run: Runner) -> Array:
        return run.infer(self.tile)


@dataclass(frozen=True)
class Inspect:
    """Upscale one tile, and give the tapped tensors too."""

    tile: Array

    def __call__(self, run: Runner) -> tuple[Array, dict[str, Array]]:
        return run.inspect(self.tile)


def tell_macs(run: Runner) -> dict[str, int]:
    """Say in which precisions the engine multiplies."""
    return run.macs()


def tell_memory(run: Runner) -> float | None:
    """Say how much memory the child has held."""
    return peak_rss_mb()


def tell_compiling(run: Runner) -> Compiling | None:
    """Say what a compiler took when the runner was opened."""
    return run.compiling()


@dataclass(frozen=True)
class TimeAlone:
    """Time one tile in the child, with nothing open beside it; it has run there with all checks."""

    tile: Array
    warmup: int
    runs: int

    def __call__(self, run: Runner) -> tuple[float, ...]:
        task = {"alone": lambda: run.infer(self.tile, checked=False)}
        return tuple(time_interleaved(task, warmup=self.warmup, runs=self.runs)["alone"])


@dataclass(frozen=True)
class EnergyAlone:
    """Joules of one tile in the child, with nothing open beside it; nothing is run where no meter tells them."""

    tile: Array
    log: Path | None

    def __call__(self, run: Runner) -> Energy:
        with energy_meter(log=self.log) as meter:
            tiles, start = 0, now_ms()
            while now_ms() - start < 1e3 * meter.slowest_s:
                run.infer(self.tile, checked=False)
                tiles += 1
            used = meter.read()
        return replace(used, joules=None if used.joules is None else used.joules / tiles)


class IsolatedRunner(Runner):
    """Runs `opener()` in a child process; `opener` and what it holds must be picklable.

    A child that dies raises BackendError naming the signal; the errors of the runner inside arrive unchanged.
    """

    def __init__(self, name: str, scale: int, tiles: tuple[tuple[int, int], ...], opener: Callable[[], Runner]) -> None:
        super().__init__(scale, tiles)
        self._name = name
        self._opener = opener
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self.load_ms = float("nan")
        """Milliseconds from asking for the runner to its being ready; NaN before."""

    def peak_rss_mb(self) -> float | None:
        """Largest memory that the child has held so far, in 10^6 bytes; None where the system does not
        say."""
        return self.ask(tell_memory, "telling its memory")

    def macs(self) -> dict[str, int]:
        return self.ask(tell_macs, "telling what it runs")

    def _open(self) -> RunInfo:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._pipe = ours
        process = context.Process(target=_serve, args=(theirs, self._opener), daemon=True)
        self._process = process
        with _safe_path(), _signals_held():  # in this order: both start a process of Python's own
            process.start()
        theirs.close()  # else the end of the child would not end the pipe
        opened: Opened = self._receive("loading")
        self.load_ms = opened.load_ms
        return opened.info

    def _infer(self, tile: Array) -> Array:
        return self.ask(Infer(tile), "running")

    def _inspect(self, tile: Array) -> tuple[Array, dict[str, Array]]:
        return self.ask(Inspect(tile), "running")

    def _close(self) -> None:
        if self._pipe is not None:
            with suppress(OSError):  # it is gone already
                self._pipe.send(None)
            self._pipe.close()
        if self._process is not None and self._process.pid is not None:
            self._process.join(_PATIENCE_S)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()
        self._pipe = self._process = None

    def ask(self, request: Question[Answer], doing: str) -> Answer:
        """What the child answers; `doing`, for an error, is what it is asked for."""
        assert self._pipe is not None
        try:
            self._pipe.send(request)
        except OSError as error:
            raise self._crashed(doing) from error
        answer: Answer = self._receive(doing)
        return answer

    def _receive(self, doing: str) -> Any:
        assert self._pipe is not None
        try:
            answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise self._crashed(doing) from error
        if isinstance(answer, EdgeError):
            raise answer
        return answer

    def _crashed(self, doing: str) -> BackendError:
        assert self._process is not None
        self._process.join(_PATIENCE_S)
        how = exit_name(self._process.exitcode)
        return BackendError(f"{self._name}: the backend's process ended while {doing} ({how})")


@contextmanager
def _signals_held() -> Iterator[None]:
    """What ends this process comes a moment later: a child whose parent stops in the middle of starting it prints a
    traceback. Masks are not enough, since another thread can take a signal and Python handles it in the main one."""
    arrived: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (number for number in _ENDING if signal.getsignal(number) is not None):
            before[number] = signal.signal(number, lambda number, _: arrived.append(number))
    try:
        with _masked():
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in arrived:
            signal.raise_signal(number)


@contextmanager
def _masked() -> Iterator[None]:
    """A child started within inherits the mask: Ctrl-C reaches the whole group, and would end it while it imports."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # starting it unblocks the signals, so it comes first
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextmanager
def _safe_path() -> Iterator[None]:
    """A process started within looks for modules in no working directory: a file there named like one of Python's own
    would be taken for it."""
    place, setting = Path.cwd(), os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    if sys.version_info < (3, 11):
        os.chdir(HOME)  # there is no such setting; multiprocessing takes the child back to where this process began
    try:
        yield
    finally:
        os.chdir(place)
        if setting is None:
            del os.environ["PYTHONSAFEPATH"]


def _serve(pipe: Connection, opener: Callable[[], Runner]) -> None:
    """The child: open, then answer requests until None comes or the parent is gone."""
    for number in _ENDING:  # they reach the whole group; the parent ends this
        signal.signal(number, signal.SIG_IGN)
    _die_with_parent()
    with suppress(*_PARENT_GONE):  # nobody is left to answer
        try:
            start = now_ms()
            with opener() as run:
                pipe.send(Opened(run.info, now_ms() - start))
                while (request := pipe.recv()) is not None:
                    pipe.send(_answer(run, request))
        except EdgeError as error:
            pipe.send(error)
        except _PARENT_GONE:
            raise
        except Exception as error:  # noqa: BLE001  (whatever a backend raises must reach the user)
            pipe.send(_unexpected(error))


def _die_with_parent() -> None:
    """Else a backend that hangs would outlive a parent that was killed."""
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None or killed_with_parent(parent.pid):
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _answer(run: Runner, request: Question[object]) -> object:
    try:
        return request(run)
    except EdgeError as error:
        return error
    except Exception as error:  # noqa: BLE001
        return _unexpected(error)


def _unexpected(error: Exception) -> BackendError:
    return BackendError(f"the backend raised {type(error).__name__}: {str(error)[:300]}")
