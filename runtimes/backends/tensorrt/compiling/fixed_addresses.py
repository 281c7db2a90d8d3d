"""Builds that repeat to the byte, or nearly: TensorRT-RTX's compiler orders some of its work by where memory lies.

Seen with 1.7.1.116 on tiny x4: with random addresses engines of two sizes come out of the same graph, with fixed ones
and one thread always the same in fp32 and fp16, and in int8 most times. What else int8 hangs on was not found: hash
seeds and arenas of the allocator are not it.
"""

from __future__ import annotations

import ctypes
import os
import sys

from runtimes.machine.start import command

ADDR_NO_RANDOMIZE = 0x0040000  # linux/personality.h
AGAIN = "again"
_ASK = 0xFFFFFFFF


def fixed() -> bool:
    """Whether this process has its memory at fixed addresses; always False where the system cannot tell."""
    now = _personality(_ASK)
    return now != -1 and bool(now & ADDR_NO_RANDOMIZE)


def start_fixed(module: str) -> None:
    """Start this process anew as `module` with fixed addresses, if it has not them and can have them.

    Returns where it has, and where the system forbids it (not Linux, or a container's rules); `fixed` tells which.
    """
    if fixed() or AGAIN in sys.argv:
        return
    now = _personality(_ASK)
    if now != -1 and _personality(now | ADDR_NO_RANDOMIZE) != -1 and fixed():
        os.execv(sys.executable, command(module, *sys.argv[1:], AGAIN, parent=os.getppid()))


def _personality(wanted: int) -> int:
    """The system call: sets unless asked with _ASK; what was before, or -1."""
    if not sys.platform.startswith("linux"):
        return -1
    call = ctypes.CDLL(None).personality
    call.argtypes, call.restype = [ctypes.c_ulong], ctypes.c_int
    return int(call(wanted))
