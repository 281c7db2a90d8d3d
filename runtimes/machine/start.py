"""How a process of ours begins: `python start.py PARENT MODULE ARGUMENTS...` runs a module that dies with its parent.

It is a script and imports the standard library alone, so that the leash holds before anything is imported that takes
time, and so that nothing is imported from the working directory: `python -m` looks there first, and a file of the user
with a name such as struct.py would be taken for Python's own.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]  # the folder that holds our packages, wherever we run
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG, linux/prctl.h


def command(module: str, *arguments: str, parent: int | None = None) -> list[str]:
    """What starts `module` as a child of this process (`parent`: of another one, for a child that starts itself
    anew)."""
    return [sys.executable, str(Path(__file__).resolve()), str(parent or os.getpid()), module, *arguments]


def environment() -> dict[str, str]:
    """Of a child: its own children, whoever starts them, do not look into the working directory either (Python 3.11
    and newer)."""
    return {**os.environ, "PYTHONSAFEPATH": "1"}


def killed_with_parent(parent: int) -> bool:
    """From now on the system kills this process when the thread that started it ends; False where it cannot (only
    Linux can). A parent that has ended already ends it at once."""
    if not sys.platform.startswith("linux"):
        return False
    held = bool(ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL) == 0)
    if held and os.getppid() != parent:
        os._exit(1)
    return held


def _guard_group() -> None:
    """A second process that does nothing but to kill what this one has started, once this one has ended: the system's
    leash holds one process, not its children. For the leader of a group of its own."""
    leader = os.getpid()
    if os.fork():
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)  # else the ends of its pipes would wait for this one
    if os.getppid() == leader:
        signal.sigwait({signal.SIGTERM})
    os.killpg(leader, signal.SIGKILL)


def _begin() -> None:
    parent, module = int(sys.argv[1]), sys.argv[2]
    if killed_with_parent(parent) and os.getpgrp() == os.getpid():
        _guard_group()
    del sys.argv[1:3]
    here, home = str(Path(__file__).resolve().parent), str(HOME)
    sys.path[:] = [place for place in sys.path if place != here]
    if home not in sys.path:  # else it is where packages are installed, which comes after Python's own modules
        sys.path.insert(0, home)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _begin()
