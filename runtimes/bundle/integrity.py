"""Nothing of a bundle is loaded before its hash is right and its place is inside the bundle."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from dlgsanet.errors import InputError, shown
from dlgsanet.storage.regular import open_regular
from runtimes.bundle.field_types import is_inside


def read_verified(bundle: str | Path, path: str, sha256: str) -> bytes:
    """Read a file of the bundle once and return exactly the bytes whose hash was checked.

    Loading from these bytes leaves no moment in which the file could be exchanged. Raises InputError.
    """
    try:
        with open_regular(_located(bundle, path)) as stream:
            data = stream.read()
    except OSError as error:
        raise _unreadable(bundle, path, error) from error
    _require_hash(bundle, path, sha256, hashlib.sha256(data).hexdigest())
    return data


def verify(bundle: str | Path, files: Mapping[str, str]) -> None:
    """Check the sha256 of every file (bundle-relative path -> sha256). Raises InputError naming the first
    bad one."""
    for path, sha256 in files.items():
        digest = hashlib.sha256()
        try:
            with open_regular(_located(bundle, path)) as stream:
                while chunk := stream.read(1 << 20):
                    digest.update(chunk)
        except OSError as error:
            raise _unreadable(bundle, path, error) from error
        _require_hash(bundle, path, sha256, digest.hexdigest())


def require_only(bundle: str | Path, folder: str, listed: Collection[str], beginning: str = "") -> None:
    """Raise InputError if a folder of the bundle ("": all of it) holds a file, or a link, that is not `listed`, by its
    path in the bundle. With `beginning`, only what lies in the folder itself and is called so is looked at."""
    root = Path(bundle)
    found = files_inside(root / folder) if not beginning else (root / folder).glob(f"{glob.escape(beginning)}*")
    if (name := first_besides(root, found, listed)) is not None:
        raise InputError(f"bundle '{bundle}': {shown(name)} is not in the manifest: remove it, or get the bundle again")


def first_besides(root: Path, found: Iterable[Path], listed: Collection[str]) -> str | None:
    """The first of the files found that is not `listed`, by its path in `root`; None where all are."""
    names = (path.relative_to(root).as_posix() for path in found)
    return next((name for name in names if name not in listed), None)


def files_inside(folder: Path) -> Iterator[Path]:
    """Every file below a folder, and every link, whatever it leads to."""
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        yield from (Path(place) / name for name in sorted([*files, *links]))


def stored_bytes(bundle: Path, files: Iterable[str]) -> int:
    """What files of a bundle take on disk."""
    return sum((bundle / path).stat().st_size for path in files)


def _located(bundle: str | Path, path: str) -> Path:
    """Return where `path` really lies; a link that leads out of the bundle is refused."""
    outside = InputError(f"bundle '{bundle}': '{path}' leads outside the bundle; it is not read")
    if not is_inside(path):
        raise outside
    try:
        root = Path(bundle).resolve()
        target = (root / path).resolve()
    except RuntimeError as error:  # a link that leads to itself
        raise outside from error
    if root not in target.parents:
        raise outside
    return target


def _unreadable(bundle: str | Path, path: str, error: OSError) -> InputError:
    return InputError(f"bundle '{bundle}': cannot read '{path}': {error.strerror}; export the bundle again")


def _require_hash(bundle: str | Path, path: str, expected: str, found: str) -> None:
    if found != expected:
        raise InputError(
            f"bundle '{bundle}': '{path}' was changed after it was written (sha256 "
            f"{found[:12]}..., the manifest "
            f"says {expected[:12]}...); it is not loaded, export the bundle again"
        )
