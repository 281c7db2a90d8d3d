"""Where the project keeps what can be made again, and what lies there."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

OFF = "DLGSANET_NO_CACHE"
"""Set to anything but nothing and 0: nothing is kept, and nothing kept is used."""

KEPT = "*.kept"


@dataclass(frozen=True)
class CacheKind:
    """`what` is kept below the folder of this name; `files` match what `clear` removes, and nothing else does it."""

    what: str
    files: str = KEPT


KINDS = {
    "graphs": CacheKind("networks rewritten, with their proofs"),
    "references": CacheKind("what reference networks make of a bundle's pictures"),
    "calibrations": CacheKind("INT8 ranges that were learnt"),
    "births": CacheKind("what artifacts showed when they were exported"),
    "forms": CacheKind("times of the forms of the dynamic convolution"),
    "tiles": CacheKind("times of networks in several tiles"),
    "fastest": CacheKind("times of a bundle's artifacts"),
    "compiled": CacheKind("networks that OpenVINO compiled"),
    "optimized": CacheKind("graphs that ONNX Runtime optimized"),
    "kernels": CacheKind("kernels that TensorRT-RTX compiled"),
    "operators": CacheKind("C operators of training, compiled", "*.so"),
    "searches": CacheKind("what searches for INT8 layers measured", "*/*.jsonl"),
    "tensorrt": CacheKind("TensorRT's timings of kernels", "*.timing"),
    "inductor": CacheKind("torch.compile's own cache", "*"),
}
"""All that this project keeps, each kind in a folder of its own."""


def user_cache() -> Path:
    """The project's folder in the user's cache: $XDG_CACHE_HOME or ~/.cache. It need not exist, and nothing is made."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111  (never raises)
    return Path(home) / "dlgsanet"


def is_off() -> bool:
    """Whether this process's environment asks for no cache."""
    return os.environ.get(OFF, "0") not in ("", "0")


def own_folder(kind: str) -> Path | None:
    """The folder of a kind, made where it is missing, for this user alone. None where it cannot be made, is somebody
    else's, or others may write to it: what lies there is neither read nor run."""
    place = user_cache() / kind
    with suppress(OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.mkdir(mode=0o700, exist_ok=True)
    with suppress(OSError):
        return place if is_own(found := place.lstat()) and stat.S_ISDIR(found.st_mode) else None
    return None


def is_own(found: os.stat_result) -> bool:
    """Whether a file or folder belongs to this user and nobody else may write to it. Systems without such rights (a
    Windows profile has lists of its own) are taken at their word."""
    owner = getattr(os, "geteuid", None)
    return owner is None or (found.st_uid == owner() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


@dataclass(frozen=True)
class Lying:
    """What is there of one kind: files, their bytes, and when the oldest and the newest were last used (seconds since
    1970); None where there is none."""

    kind: str
    what: str
    entries: int
    bytes: int
    oldest: float | None
    newest: float | None


def lying() -> tuple[Lying, ...]:
    """What is there of each kind, in the order of the table."""
    return tuple(_lying(name) for name in KINDS)


def clear(kind: str) -> int:
    """Remove what is kept of a kind; how many bytes that were. What cannot be removed stays."""
    before = _lying(kind).bytes
    for path in list((user_cache() / kind).glob(KINDS[kind].files)):
        with suppress(OSError):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for folder in sorted((user_cache() / kind).glob("*/"), reverse=True):
        with suppress(OSError):
            folder.rmdir()  # only where it is empty
    return before - _lying(kind).bytes


def _lying(name: str) -> Lying:
    found = [told for _, told in kept_files(name)]
    times = [it.st_mtime for it in found]
    return Lying(
        name,
        KINDS[name].what,
        len(found),
        sum(it.st_size for it in found),
        min(times, default=None),
        max(times, default=None),
    )


def kept_files(kind: str) -> Iterator[tuple[Path, os.stat_result]]:
    """The files of a kind, those in folders too, with what the system tells of each."""
    for path in list((user_cache() / kind).glob(KINDS[kind].files)):
        for file in list(path.rglob("*")) if path.is_dir() else [path]:
            with suppress(OSError):
                found = file.lstat()
                if stat.S_ISREG(found.st_mode):
                    yield file, found
