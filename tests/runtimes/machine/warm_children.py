"""Children of `runtimes.machine.child` whose imports are there already: torch takes each of hundreds some seconds.

A process of the tests imports a job's module once, and forks a child for each job. The child is a process of its own as
the product's is, begun by the same script, in a session of its own, with the same pipes, signals and leash. What is no
job of ours, or gets another environment, is started as always.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import runpy
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from runtimes.machine import start

OURS = ("export.networks.", "export.backends.coreml.convert")
LAZY = ("coremltools", "torch", "onnx", "onnxruntime")
"""What these import, some of it only when they work."""
_LONGEST = 1 << 20
_PATIENCE_S = 120.0  # until a child is there: its imports take seconds, and on a busy machine many
_LIMITS = ("RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_STACK")


class WarmChildren:
    """Stands in for `subprocess` in `runtimes.machine.child`."""

    PIPE, TimeoutExpired = subprocess.PIPE, subprocess.TimeoutExpired

    def __init__(self) -> None:
        self._channel: socket.socket | None = None
        self._environment: Mapping[str, str] = {}

    def Popen(self, words: Sequence[str], *, env: Mapping[str, str], **options: Any) -> Any:
        """A child of the process that has the imports, else a usual one."""
        known = {name: value for name, value in env.items() if name != "PYTEST_CURRENT_TEST"}
        ours = list(words[:2]) == start.command("")[:2] and words[3].startswith(OURS)
        if ours and self._channel is None:
            self._begin(env, known)
        if not ours or self._channel is None or known != self._environment:
            return subprocess.Popen(words, env=env, **options)
        return WarmChild(self._channel, words)

    def _begin(self, env: Mapping[str, str], known: Mapping[str, str]) -> None:
        self._channel, theirs = socket.socketpair()
        self._environment = known
        command = start.command(__name__, str(theirs.fileno()))
        subprocess.Popen(command, env=env, pass_fds=[theirs.fileno()], start_new_session=True)
        theirs.close()

    def end(self) -> None:
        """Let the process with the imports end."""
        if self._channel is not None:
            self._channel.close()


class WarmChild:
    """A forked child, as `subprocess.Popen` shows one."""

    def __init__(self, channel: socket.socket, words: Sequence[str]) -> None:
        pipes = [os.pipe() for _ in range(5)]  # its standard streams; what is told of it; open until it is reaped
        (given, into), (out, said), (errors, cried), (self._told, tells), (reaped, self._unreaped) = pipes
        request = json.dumps([list(words), str(Path.cwd()), _limits()]).encode()
        socket.send_fds(channel, [request], [given, said, cried, tells, reaped])
        for end in (given, said, cried, tells, reaped):
            os.close(end)
        self.stdin: IO[bytes] = os.fdopen(into, "wb")
        self.stdout: IO[bytes] = os.fdopen(out, "rb")
        self.stderr: IO[bytes] = os.fdopen(errors, "rb")
        self.returncode: int | None = None
        self.pid = int(self._line(_PATIENCE_S) or -1)
        if self.pid < 0:
            raise RuntimeError("no child was forked: see what the tests' process with the imports says")

    def _line(self, timeout: float | None) -> bytes:
        """What is told next, empty where nothing more is. Raises TimeoutExpired."""
        if not select.select([self._told], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("a warm child", timeout or 0)
        found = b""
        while (byte := os.read(self._told, 1)) not in (b"", b"\n"):  # lines are written at once
            found += byte
        return found

    def poll(self) -> int | None:
        """Its exit code once it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code; until it is asked for, an ended one keeps its number, as Popen's do. Raises TimeoutExpired."""
        if self.returncode is None:
            self.returncode = int(self._line(timeout) or -signal.SIGKILL)
            os.close(self._told)
            os.close(self._unreaped)
        return self.returncode

    def kill(self) -> None:
        """As Popen does."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def _limits() -> dict[str, tuple[int, int]]:
    """What this process may use at most: a child has its parent's."""
    return {name: resource.getrlimit(getattr(resource, name)) for name in _LIMITS}


def fork_for_ever(channel: socket.socket) -> None:
    """In the process with the imports: a child for each request, until there can be no more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the children in between are reaped by the system
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        request, pipes, _, _ = socket.recv_fds(channel, _LONGEST, 5)
        if not request:
            os._exit(0)
        words, folder, limits = json.loads(request)
        for module in (words[3], *(LAZY if words[3] == OURS[1] else LAZY[1:])):
            with suppress(Exception):  # the job says itself what it lacks
                importlib.import_module(module)
        if os.fork() == 0:
            channel.close()
            _in_between(words, folder, limits, pipes)
        for pipe in pipes:
            os.close(pipe)


def _in_between(words: list[str], folder: str, limits: dict[str, tuple[int, int]], pipes: list[int]) -> None:
    """The child's parent: says its number, waits for it, says how it ended, and reaps it once that was heard: until
    then its group may be killed by its number."""
    start.killed_with_parent(os.getppid())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    own = os.getpid()
    if (child := os.fork()) == 0:
        _become(words, folder, limits, pipes, own)
    for pipe in pipes[:3]:
        os.close(pipe)
    os.write(pipes[3], f"{child}\n".encode())
    ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
    with suppress(OSError):  # nobody listens any more
        os.write(pipes[3], f"{code}\n".encode())
    os.read(pipes[4], 1)  # its other end is closed
    os.waitpid(child, 0)
    os._exit(0)


def _become(words: list[str], folder: str, limits: dict[str, tuple[int, int]], pipes: list[int], parent: int) -> None:
    """The child itself, from here on as a new Python would be."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    for number, pipe in enumerate(pipes[:3]):
        os.dup2(pipe, number)
    for pipe in pipes:
        os.close(pipe)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115 - as Python's
    sys.argv = [words[1], str(parent), *words[3:]]
    code = 1
    try:
        for name, limit in limits.items():
            resource.setrlimit(getattr(resource, name), limit)
        runpy.run_path(words[1], run_name="__main__")
        code = 0
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except BaseException:  # noqa: BLE001 - as Python ends by one
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    fork_for_ever(socket.socket(fileno=int(sys.argv[1])))
