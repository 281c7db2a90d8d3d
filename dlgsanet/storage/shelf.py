"""Results that took long and can be made again, kept for the next time: whole, checked, bounded, for this user alone.

An entry is one file: its SHA-256, a line of JSON, the files in it one behind another. It is written beside its place
and renamed, so two processes never see half of one. What is damaged is removed and made again; nothing about a home
that is missing, full or read-only is an error.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from dlgsanet.errors import InputError
from dlgsanet.storage import json_text
from dlgsanet.storage.atomic import write_bytes
from dlgsanet.storage.cache_folder import KEPT, KINDS, is_off, kept_files, own_folder
from dlgsanet.storage.regular import open_regular

LIMIT = 1 << 30
"""Bytes of all entries together; what was not used for longest goes first."""

_LARGEST = 4
"""An entry may take this part of LIMIT; a larger one would push out all others."""

_HASH = hashlib.sha256().digest_size * 2
_ADVICE = "it is made again"

Files = Mapping[str, bytes]


@dataclass(frozen=True)
class KeptEntries:
    """Entries by kind (of `dlgsanet.storage.cache_folder.KINDS`) and key; a key says all that the entry depends on.
    With `on` false nothing is found and nothing kept."""

    on: bool = True
    limit: int = LIMIT

    def recall(self, kind: str, key: str) -> Files | None:
        """The files of an entry, or None. One that is damaged, or another entry's under this name, is removed."""
        if (place := self._place(kind, key)) is None:
            return None
        try:
            with open_regular(place) as stream:
                data = stream.read(self.limit // _LARGEST + 1)
        except OSError:
            return None
        if (found := _unpacked(data, kind, key)) is None:
            with suppress(OSError):
                place.unlink()
            return None
        with suppress(OSError):
            os.utime(place)  # used now
        return found

    def keep(self, kind: str, key: str, files: Files) -> None:
        """Put an entry there, in the place of an older one of this key."""
        place, data = self._place(kind, key), _packed(kind, key, files)
        if place is None or len(data) > self.limit // _LARGEST:
            return
        with suppress(InputError, OSError):
            write_bytes(place, data)
            self._make_room()

    def once(self, kind: str, key: str, make: Callable[[], Files]) -> Files:
        """The files of an entry; where there is none, what `make` gives, which is kept."""
        found = self.recall(kind, key)
        if found is None:
            found = make()
            self.keep(kind, key, found)
        return found

    @property
    def usable(self) -> bool:
        """Whether anything is kept at all."""
        return self.on and not is_off()

    def _place(self, kind: str, key: str) -> Path | None:
        if not self.usable or (folder := own_folder(kind)) is None:
            return None
        return folder / KEPT.replace("*", key)

    def _make_room(self) -> None:
        """Remove what was not used for longest until all is within the limit. Two processes may do it at once."""
        kinds = [kind for kind, told in KINDS.items() if told.files == KEPT]
        entries = sorted(chain.from_iterable(map(kept_files, kinds)), key=lambda entry: entry[1].st_mtime)
        total = sum(found.st_size for _, found in entries)
        for path, found in entries:
            if total <= self.limit:
                return
            with suppress(OSError):
                path.unlink()
            total -= found.st_size


def key_of(*parts: str | bytes) -> str:
    """One key of all that a result depends on; the order counts, and where one part ends."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()[:40]


def _packed(kind: str, key: str, files: Files) -> bytes:
    told = {"kind": kind, "key": key, "files": {name: len(data) for name, data in files.items()}}
    body = b"".join([json.dumps(told).encode(), b"\n", *files.values()])
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def _unpacked(data: bytes, kind: str, key: str) -> Files | None:
    """None for anything but an entry of this kind and key whose content is what its hash says."""
    body = data[_HASH + 1 :]
    if data[: _HASH + 1] != hashlib.sha256(body).hexdigest().encode() + b"\n":
        return None
    head, _, rest = body.partition(b"\n")
    try:
        told = json_text.parse(head, "a kept entry", _ADVICE)
    except InputError:
        return None
    if not isinstance(told, dict) or told.get("kind") != kind or told.get("key") != key:
        return None
    lengths = told.get("files")
    if not isinstance(lengths, dict):
        return None
    found: dict[str, bytes] = {}
    start = 0
    for name, length in lengths.items():
        if not isinstance(length, int) or length < 0:
            return None
        found[name] = rest[start : start + length]
        start += length
    return found if start == len(rest) else None
