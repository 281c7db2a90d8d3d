"""Writing so that a reader sees the old content or the new, never half of it; failures leave no debris, and what a
killed process left is removed by the next one that writes there."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dlgsanet.errors import InputError
from dlgsanet.storage.exchange import exchange
from dlgsanet.storage.ownership import left_behind, name_of_old, remove, sweep, temporary_name
from dlgsanet.storage.regular import open_regular

_CHUNK = 1 << 20

# What a full or read-only disk raises, whoever was writing.
_DISK_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a whole file, atomically. Raises InputError when the place cannot be written."""
    with new_file(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: str | Path, text: str) -> None:
    """Write a whole UTF-8 file, atomically. Raises InputError when the place cannot be written."""
    write_bytes(path, text.encode("utf-8"))


def sha256_file(path: str | Path) -> str:
    """SHA-256 of a file's content as 64 hexadecimal digits, read in pieces. InputError if unreadable."""
    digest = hashlib.sha256()
    try:
        with open_regular(path) as stream:
            while piece := stream.read(_CHUNK):
                digest.update(piece)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; check the path") from error
    return digest.hexdigest()


@contextmanager
def new_file(path: str | Path) -> Iterator[Path]:
    """Give a temporary sibling to write, of the same suffix; it becomes `path` when the block succeeds.

    An existing file is replaced only then. Whatever leaves the block (KeyboardInterrupt too) removes the
    temporary file and the folders that were made for it. A full or read-only disk raises InputError, and so
    does a device such as /dev/null: to replace it would take it away from the whole machine.
    """
    target = Path(path)
    require_replaceable(target)
    with _sibling(target, target.suffix) as temporary:
        yield temporary
        temporary.replace(target)


def require_replaceable(path: str | Path) -> None:
    """Raise InputError where `path` is something that a file cannot replace: a folder, a device, a pipe."""
    target = Path(path)
    if target.is_dir():
        raise InputError(f"cannot write {target}: expected a file name, found a folder; add a file name")
    if target.exists() and not target.is_file():
        raise InputError(f"cannot write {target}: expected a file name, found a device or pipe; choose another name")


def require_writable_folder(path: str | Path) -> None:
    """Prove that files can be made in a folder, or where it will be made; leaves nothing. Raises InputError."""
    place = Path(path).absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise InputError(f"expected a folder to write to, found the file '{place}'; choose another output folder")
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise InputError(f"cannot write to '{place}': {error.strerror}; choose another output folder") from error


@contextmanager
def new_directory(
    path: str | Path, force: bool = False, require_ours: Callable[[Path], None] | None = None
) -> Iterator[Path]:
    """Give a temporary sibling folder to fill; it becomes `path` when the block succeeds.

    An existing target is refused, or with `force` replaced as a whole once the new one is complete.
    `require_ours` raises InputError for a folder that is not what is to be replaced, or holds something besides, so
    that a mistyped `--force` cannot delete somebody's photographs. Whatever leaves the block (KeyboardInterrupt too)
    removes the temporary folder and leaves the old target as it was. A full or read-only disk raises InputError.
    """
    target = Path(path)
    _bring_back(target)
    _refuse_existing(target, force, require_ours)
    with _sibling(target, "") as temporary:
        temporary.mkdir()
        yield temporary
        _refuse_existing(target, force, require_ours)  # it may have appeared while the block ran
        _swap(temporary, target)


def _refuse_existing(target: Path, force: bool, require_ours: Callable[[Path], None] | None) -> None:
    if not os.path.lexists(target):
        return
    if target.is_symlink() or not target.is_dir():
        raise InputError(f"expected a new folder at {target}, found a file or link; choose another name")
    if not force:
        raise InputError(f"{target} exists already; choose another name, or replace it with --force")
    if require_ours is not None and any(target.iterdir()):
        require_ours(target)


def _swap(new: Path, target: Path) -> None:
    """Put `new` in the place of `target`, in one step where the system can. Else the old folder returns if that fails
    and goes only afterwards; its name says what it was, for a process that is killed in between."""
    if not target.exists():
        new.rename(target)
        return
    if exchange(new, target):
        return  # the old one has the temporary name now, and goes with it
    old = target.with_name(name_of_old(target.name))
    try:
        target.rename(old)
        new.rename(target)
    except BaseException:
        if old.exists() and not target.exists():
            old.rename(target)
        raise
    finally:
        if target.exists():
            remove(old)


def _bring_back(target: Path) -> None:
    """Give a folder its name again that a process was about to replace when it was killed."""
    if not os.path.lexists(target) and (found := left_behind(target.parent, target.name)):
        found.rename(target)


@contextmanager
def _sibling(target: Path, suffix: str) -> Iterator[Path]:
    """A free name beside `target`; what stands there when the block ends is removed."""
    made: list[Path] = []
    sweep(target.parent)
    temporary = target.with_name(temporary_name(suffix))
    finished = False
    try:
        made = _make_parents(target)
        yield temporary
        finished = True
    except OSError as error:
        if error.errno in _DISK_ERRNOS or _concerns(error, temporary, target):
            raise InputError(
                f"cannot write {target}: {error.strerror or error}; choose a writable place with free space"
            ) from error
        raise
    finally:
        remove(temporary)
        if not finished:
            for folder in made:
                with suppress(OSError):  # not empty: somebody else has begun to use it
                    folder.rmdir()


def _make_parents(target: Path) -> list[Path]:
    """Make the missing folders above `target`; return them, deepest first."""
    missing = [folder for folder in target.parents if not folder.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    return missing


def _concerns(error: OSError, temporary: Path, target: Path) -> bool:
    """Whether the error is about the place being written, not about a file that the block was reading."""
    if not isinstance(error.filename, (str, Path)):
        return False
    place = Path(error.filename)
    return place in (target, *target.parents) or temporary == place or temporary in place.parents
