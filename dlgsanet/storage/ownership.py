"""Temporary names that say whose they are, so that what a killed process left is known from what another one writes.

A name holds the place (machine and set of processes: containers have their own), the process's number and when it
started. It is debris when that process is of this place and has ended. Elsewhere nobody can tell, and it stays.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import secrets
import shutil
import sys
from contextlib import suppress
from pathlib import Path

_NAME = re.compile(r"\.tmp-([0-9a-f]{8})-(\d+)-(\d+)-[0-9a-f]{8}(?:\.old\.(?P<was>.*)|\..*)?\Z", re.DOTALL)
_ENDED = "ZX"  # states of a process that nobody has asked about yet
_swept: set[Path] = set()


def temporary_name(suffix: str = "") -> str:
    """A name that no other file has and that says that this process owns it."""
    process = os.getpid()
    return f".tmp-{_place()}-{process}-{_started(process) or 0}-{secrets.token_hex(4)}{suffix}"


def name_of_old(was: str) -> str:
    """A temporary name for what is called `was` while something else takes its place."""
    return temporary_name(f".old.{was}")


def left_behind(folder: Path, was: str) -> Path | None:
    """What was called so in a folder when a process was killed that had moved it out of the way."""
    with suppress(OSError):
        for entry in os.scandir(folder):
            found = _NAME.match(entry.name)
            if found and found["was"] == was and is_debris(entry.name):
                return folder / entry.name
    return None


def is_debris(name: str) -> bool:
    """Whether a file of this name was left by a process that has ended."""
    found = _NAME.match(name)
    return found is not None and found[1] == _place() and not _alive(int(found[2]), int(found[3]))


def sweep(folder: Path) -> None:
    """Remove what ended processes left in a folder; once a process, since pictures are written by thousands. What
    cannot be removed stays, and so does what was moved out of the way for something that never came."""
    place = folder.absolute()
    if place in _swept:
        return
    _swept.add(place)
    with suppress(OSError):
        for entry in list(os.scandir(place)):
            if is_debris(entry.name) and not _is_only_copy(place, entry.name):
                remove(place / entry.name)


def remove(path: Path) -> None:
    """A file or a folder with all that is in it, as far as that can be done; a link is no folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _is_only_copy(folder: Path, name: str) -> bool:
    found = _NAME.match(name)
    return found is not None and found["was"] is not None and not os.path.lexists(folder / found["was"])


@functools.cache
def _place() -> str:
    space = ""
    with suppress(OSError):
        space = str(Path("/proc/self/ns/pid").readlink())
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]


def _alive(process: int, started: int) -> bool:
    """Whether the process that had this number then still runs; True where it cannot be told."""
    if sys.platform.startswith("linux"):
        return _started(process) == started
    if os.name != "posix":
        return True  # a signal that only asks would be a real one there
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _started(process: int) -> int | None:
    """When a process started, in ticks since the machine did; None where it has ended or the system does not tell."""
    try:
        words = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if words[0] in _ENDED else int(words[19])
