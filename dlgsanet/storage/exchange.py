"""Two folders that change places in one step, where the system can do that: at no moment is either name free."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_HERE = -100  # AT_FDCWD, fcntl.h of Linux
_RENAME_EXCHANGE = 2  # linux/fs.h
_RENAME_SWAP = 2  # stdio.h of macOS


def exchange(one: Path, other: Path) -> bool:
    """Each gets the name of the other. False where the system or the file system cannot: then nothing has changed."""
    if sys.platform.startswith("linux"):
        return _done("renameat2", _HERE, os.fsencode(one), _HERE, os.fsencode(other), _RENAME_EXCHANGE)
    if sys.platform == "darwin":
        return _done("renamex_np", os.fsencode(one), os.fsencode(other), _RENAME_SWAP)
    return False


def _done(name: str, *arguments: int | bytes) -> bool:
    call = getattr(ctypes.CDLL(None), name, None)  # older C libraries lack it
    return call is not None and call(*arguments) == 0
