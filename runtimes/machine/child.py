"""Work in a process of its own: its crash is one line, a hang ends, Ctrl-C leaves nothing, and it dies with its parent.

The one protocol between our processes. The parent writes the job to the child's standard input, as one line of JSON;
the child answers on its standard output, an object a line: `{"step": "..."}` any number of times, then one of
`{"done": value}` and `{"failed": [kind, message]}`, where kind is the class of an EdgeError. What else the child
prints goes to its standard error, whose last line is part of the error when it ends without an answer.
`ask` is the parent's side, `serve` the child's.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, NoReturn

from dlgsanet.errors import BackendError, EdgeError
from runtimes.machine.clock import now_ms
from runtimes.machine.exit_name import exit_name
from runtimes.machine.start import command, environment

Say = Callable[[str], None]
_PATIENCE_S = 5.0
_KEPT = 50  # lines of the child's standard error
_ASKED_OF_US = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@dataclass(frozen=True)
class Job:
    """A process of `module` with `arguments` is asked to do `given` (JSON data). `what` begins every error; `advice`
    ends that of a job that took longer than `timeout_s`."""

    module: str
    given: object
    what: str
    timeout_s: float | None = None
    arguments: tuple[str, ...] = ()
    advice: str = ""


def ask(job: Job, say: Say = lambda step: None) -> object:
    """What the child answers, JSON data; `say` gets its steps.

    Raises the error that the child raised, and BackendError where it crashed, hung or ended without an answer.
    """
    deadline = None if job.timeout_s is None else now_ms() + 1e3 * job.timeout_s
    with _started(job) as (process, lines):
        said: list[str] = []
        for key, value in _answers(lines, said, deadline, job):
            if key == "step":
                say(str(value))
            elif key == "failed":
                raise _error(value)
            else:
                return value
        with suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE_S)
        _last_words(lines, said)
        last = f": {said[-1][:300]}" if said else ""
        raise BackendError(f"{job.what}: its process ended ({exit_name(process.returncode)}){last}")


def serve(work: Callable[[object, Say], object]) -> NoReturn:
    """The child: do the one job and end the process. `work` gets the job and what takes its steps; an EdgeError of it
    is told, any other error ends the process with its last line."""
    for number in _ASKED_OF_US:  # a signal to all processes reaches the parent, too, and it ends this one
        signal.signal(number, signal.SIG_IGN)
    job = json.loads(sys.stdin.readline())
    _watch_parent()
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever native code prints goes to standard error: the answers have the pipe for themselves

    def answer(key: str, value: object) -> None:
        pipe.write(json.dumps({key: value}) + "\n")
        pipe.flush()

    try:
        answer("done", work(job, lambda step: answer("step", step)))
    except EdgeError as error:
        answer("failed", [type(error).__name__, str(error)])
    sys.stderr.flush()
    os._exit(0)  # the clean-up of native libraries has been seen to crash, and everything is written


def _watch_parent() -> None:
    """From now on this process, and what it has started, ends when its parent does: the parent keeps the standard
    input open. Linux kills this process even where a library holds Python back, but not what it has started."""

    def watch() -> None:
        while sys.stdin.read(1):
            pass
        _kill_group(os.getpid())
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


_Line = tuple[str, str | None]  # "answers" or "errors", and what was said; None: no more of it


def _answers(
    lines: queue.Queue[_Line], said: list[str], deadline: float | None, job: Job
) -> Iterator[tuple[str, object]]:
    """What the child answers until it ends; what it says beside that is appended to `said`."""
    while True:
        try:
            left_s = 0.2 if deadline is None else max(0.0, min(0.2, (deadline - now_ms()) / 1e3))
            source, line = lines.get(timeout=left_s)
        except queue.Empty:
            if deadline is not None and now_ms() >= deadline:
                advice = f": {job.advice}" if job.advice else ""
                raise BackendError(
                    f"{job.what} did not end within {job.timeout_s:g} s and was stopped{advice}"
                ) from None
            continue
        if source == "errors":
            said += [] if line is None else [line]
            del said[:-_KEPT]
        elif line is None:
            return
        else:
            with suppress(ValueError):  # a line that a crash has torn
                yield from json.loads(line).items()


def _last_words(lines: queue.Queue[_Line], said: list[str]) -> None:
    """What it wrote to its standard error until its end."""
    with suppress(queue.Empty):
        while (told := lines.get(timeout=0.2)) != ("errors", None):
            said += [told[1]] if told[0] == "errors" and told[1] is not None else []


def _error(told: object) -> EdgeError:
    """The child's error as it was raised, where this process knows its class."""
    kind, message = told if isinstance(told, list) else ("", told)
    return _kinds(EdgeError).get(str(kind), BackendError)(str(message))


def _kinds(kind: type[EdgeError]) -> dict[str, type[EdgeError]]:
    """A class of errors and all below it, by name."""
    found = {kind.__name__: kind}
    for below in kind.__subclasses__():
        found |= _kinds(below)
    return found


@contextmanager
def _started(job: Job) -> Iterator[tuple[subprocess.Popen[bytes], queue.Queue[_Line]]]:
    """The child, asked, and what it says, line by line. It never outlives the block: native code hears no Ctrl-C, so
    it has a session of its own and is ended from here."""
    process = subprocess.Popen(
        command(job.module, *job.arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    lines: queue.Queue[_Line] = queue.Queue()
    streams = {"answers": process.stdout, "errors": process.stderr}
    readers = [
        threading.Thread(target=_read, args=(stream, name, lines), daemon=True) for name, stream in streams.items()
    ]
    for reader in readers:
        reader.start()
    try:
        with suppress(BrokenPipeError):  # it is gone already; how is said by who reads its answers
            process.stdin.write(json.dumps(job.given).encode() + b"\n")
            process.stdin.flush()  # and it stays open: its end says that we are gone
        yield process, lines
    finally:
        _kill_group(process.pid)
        if process.poll() is None:
            process.kill()
        process.wait()
        for reader in readers:
            reader.join(_PATIENCE_S)
        for stream in (process.stdin, *streams.values()):
            with suppress(OSError):
                stream.close()


def _kill_group(leader: int) -> None:
    """A child and all that it has started and left; its session is its own."""
    if hasattr(os, "killpg"):
        with suppress(OSError):
            os.killpg(leader, signal.SIGKILL)


def _read(stream: IO[bytes], name: str, lines: queue.Queue[_Line]) -> None:
    for line in stream:
        if text := line.decode("utf-8", "replace").strip():
            lines.put((name, text))
    lines.put((name, None))
