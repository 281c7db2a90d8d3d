"""Files below a URL: a folder (also one of NFS), S3, Google Cloud Storage, Azure, whatever fsspec reaches."""

from __future__ import annotations

import importlib
import posixpath
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from dlgsanet.errors import BackendError, EdgeError, InputError

_URL = re.compile(r"([a-z][a-z0-9+.-]+):/+(.*)", re.DOTALL)
_PART = ".dlgsanet-part-"
_PARTS = ".parts"
_LEFT = timedelta(days=1)
_WHOLE_AT_ONCE = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci"})
"""Where an object appears when all of it is there, and cannot be renamed without a copy."""


def as_url(place: Path) -> str:
    """A path, or the URL that a path was made of: `Path` folds the slashes of s3://bucket."""
    found = _URL.fullmatch(str(place))
    return str(place.absolute()) if found is None else f"{found[1]}://{found[2]}"


@dataclass(frozen=True)
class StoredFile:
    """A file by its name below the store, with slashes."""

    name: str
    size: int


@dataclass(frozen=True)
class Store:
    """All that lies below `url`; picklable, each process connects by itself. `job` marks what is not whole yet.

    Every method raises InputError for a place that is not there or not allowed, and BackendError for one that does not
    answer.
    """

    url: str
    job: str = ""

    def files(self) -> list[StoredFile]:
        """Whatever lies below, sorted; a single file is itself. Hidden names and unfinished files are left out."""
        with self._opened() as (fs, root):
            if fs.isfile(root):
                return [StoredFile("", int(fs.size(root) or 0))]
            found = fs.find(root, detail=True) if fs.exists(root) else {}
        names = {posixpath.relpath(path, root): int(about.get("size") or 0) for path, about in found.items()}
        return [StoredFile(name, size) for name, size in sorted(names.items()) if not _hidden(name)]

    def fetch(self, name: str, place: Path) -> None:
        """Copy a file of the store to `place`."""
        with self._opened() as (fs, root):
            fs.get_file(_below(root, name), str(place))

    def has(self, name: str) -> bool:
        """Whether the store has the file now."""
        with self._opened() as (fs, root):
            fs.invalidate_cache()
            return bool(fs.exists(_below(root, name)))

    def put(self, place: Path, name: str) -> None:
        """Copy `place` into the store; it appears under `name` when all of it is there."""
        with self._opened() as (fs, root):
            target = _below(root, name)
            folder, last = posixpath.split(target)
            if _kinds(fs) & _WHOLE_AT_ONCE:  # which have no folders: to make one would make a mistyped bucket
                fs.put_file(str(place), target)
                return
            fs.makedirs(folder, exist_ok=True)
            part = posixpath.join(folder, f"{_PART}{self.job}-{secrets.token_hex(8)}{posixpath.splitext(last)[1]}")
            try:
                fs.put_file(str(place), part)
                _rename(fs, part, target)
            except BaseException:
                with suppress(Exception):
                    fs.rm_file(part)
                raise

    def names(self, folder: str) -> set[str]:
        """Of the files that lie in a folder of the store now, if it is there; hidden folders, too."""
        with self._opened() as (fs, root):
            fs.invalidate_cache()
            return {posixpath.basename(path) for path in fs.find(_below(root, folder))}

    def remove(self, folder: str) -> None:
        """Remove a folder with all that is in it, if it is there."""
        with self._opened() as (fs, root), suppress(FileNotFoundError):
            fs.invalidate_cache()
            fs.rm(_below(root, folder), recursive=True)

    def clear_parts(self) -> int:
        """Remove what actors of this job left half-written that were killed, what is older than a day of jobs that were
        killed themselves, and segments of films that are there. How many there were; what cannot be removed, as another
        user's, stays."""
        removed = 0
        with suppress(EdgeError), self._opened() as (fs, root):
            found = fs.find(root) if fs.isdir(root) and not _kinds(fs) & _WHOLE_AT_ONCE else []
            for path in [path for path in found if self._is_left(fs, path)]:
                with suppress(OSError):
                    fs.rm_file(path)
                    removed += 1
            for folder in {folder for path in found if (folder := _finished_parts(path, set(found)))}:
                with suppress(OSError):
                    fs.rm(folder, recursive=True)
                    removed += 1
        return removed

    def _is_left(self, fs: Any, path: str) -> bool:
        name: str = posixpath.basename(path)
        if not name.startswith(_PART) or name.startswith(f"{_PART}{self.job}-"):
            return name.startswith(_PART)
        try:
            modified: datetime = fs.modified(path)
            known = modified if modified.tzinfo else modified.replace(tzinfo=timezone.utc)
            age: timedelta = datetime.now(timezone.utc) - known
        except (FileNotFoundError, NotImplementedError):
            return False
        return age > _LEFT

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, str]]:
        """fsspec's filesystem and the path in it; its errors in our words."""
        fsspec = importlib.import_module("fsspec")
        try:
            yield fsspec.core.url_to_fs(self.url)
        except ImportError as error:
            raise InputError(
                f"'{self.url}' needs a package of its own ({error}); install it on every machine"
            ) from error
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError, ValueError) as error:
            raise InputError(f"cannot use '{self.url}': {error}; correct the place, or its rights") from error
        except OSError as error:
            raise BackendError(f"'{self.url}' does not answer: {error}") from error


def parts_folder(target: str) -> str:
    """Where the segments of a film lie until they are joined: beside it, under a hidden name."""
    folder, name = posixpath.split(target)
    return posixpath.join(folder, f".{name}{_PARTS}")


def _finished_parts(path: str, there: set[str]) -> str | None:
    """The folder of segments that a file lies in, of a film that is there."""
    folder = posixpath.dirname(posixpath.dirname(path))
    above, name = posixpath.split(folder)
    film = posixpath.join(above, name.removeprefix(".").removesuffix(_PARTS))
    return folder if film in there and parts_folder(film) == folder else None


def _below(root: str, name: str) -> str:
    return posixpath.join(root, name) if name else root


def _hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _kinds(fs: Any) -> set[str]:
    protocol = fs.protocol
    return {protocol} if isinstance(protocol, str) else set(protocol)


def _rename(fs: Any, part: str, target: str) -> None:
    if "file" in _kinds(fs):
        Path(part).replace(target)
    else:
        fs.mv(part, target)
