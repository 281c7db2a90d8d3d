"""What earlier exports on this machine made, for the next one: the same bytes, without the time they took."""

from __future__ import annotations

import functools
import hashlib
import json
import platform
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from dlgsanet.storage.cache_folder import own_folder
from dlgsanet.storage.shelf import Files, KeptEntries, key_of
from export.machine.fingerprint import fingerprint
from runtimes.machine.processor import this_machine

ROOMS = ("dlgsanet", "export", "runtimes")
"""Packages whose code an export runs."""

_SOURCES = (".py", ".c", ".h")
_SEARCHES = "searches"


@dataclass(frozen=True)
class Kept:
    """`basis`: of the code, the versions and the machine, which every result depends on; what is `told` beside it is
    all that this one depends on."""

    shelf: KeptEntries
    basis: str

    def once(self, kind: str, told: Sequence[str | bytes], make: Callable[[], Files]) -> Files:
        """What was made of this before, or what `make` makes now."""
        return self.shelf.once(kind, self._key(told), make)

    def recall(self, kind: str, told: Sequence[str | bytes]) -> Files | None:
        """What was made of this before."""
        return self.shelf.recall(kind, self._key(told))

    def keep(self, kind: str, told: Sequence[str | bytes], files: Files) -> None:
        """Keep what was made of this."""
        self.shelf.keep(kind, self._key(told), files)

    def journals(self, name: str) -> Path | None:
        """A folder for what a long search measures, line by line, of this name; None where nothing is kept."""
        if not self.shelf.usable or (folder := own_folder(_SEARCHES)) is None:
            return None
        place = folder / self._key((name,))
        with suppress(OSError):
            place.mkdir(mode=0o700, exist_ok=True)
        return place if place.is_dir() else None

    def _key(self, told: Sequence[str | bytes]) -> str:
        return key_of(self.basis, *told)


NOTHING = Kept(KeptEntries(on=False), "")
"""Everything is made anew, and nothing kept."""


def kept_here(on: bool, packages: Collection[str], code: Collection[str]) -> Kept:
    """What is kept of exports with these versions: of `packages`, as pip calls them, and of the sources of the Python
    packages `code` beside our own. `on`: whether anything is."""
    shelf = KeptEntries(on)
    if not shelf.usable:
        return NOTHING
    machine = [fingerprint(sorted(packages)), *this_machine(), platform.python_version()]
    sources = code_version((*ROOMS, *sorted(set(code) - {*ROOMS})))
    return Kept(shelf, key_of(json.dumps(machine, sort_keys=True), sources))


@functools.cache
def code_version(packages: tuple[str, ...]) -> str:
    """A hash of all sources of these packages: a pass that was changed proves nothing of what it made before."""
    digest = hashlib.sha256()
    for name in packages:
        spec = find_spec(name)
        for root in (spec.submodule_search_locations if spec else None) or ():
            for path in sorted(it for it in Path(root).rglob("*") if it.suffix in _SOURCES):
                digest.update(key_of(name, path.relative_to(root).as_posix(), path.read_bytes()).encode())
    return digest.hexdigest()
