"""Flat buffers (https://flatbuffers.dev/internals/) read by the numbers of their fields, bounds checked by Python.

Every error of a damaged buffer is a ValueError.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class FlatTable:
    """A table at `place` of `data`; fields by their number in the schema, counted from 0, a union as two."""

    data: bytes
    place: int

    def number(self, field: int, kind: str = "I", default: int = 0) -> int:
        """A scalar; `kind` as `struct` names it."""
        at = self._at(field)
        return default if at is None else _read(self.data, at, kind)

    def table(self, field: int) -> FlatTable:
        """Raises ValueError where it is left out."""
        at = self._at(field)
        if at is None:
            raise ValueError(f"field {field} is missing")
        return FlatTable(self.data, at + _read(self.data, at))

    def text(self, field: int) -> str:
        at, length = self._vector(field)
        return _cut(self.data, at, length).decode()

    def block(self, field: int) -> bytes:
        """A vector of bytes."""
        return _cut(self.data, *self._vector(field))

    def numbers(self, field: int, kind: str = "I") -> tuple[int, ...]:
        at, length = self._vector(field)
        size = struct.calcsize(f"<{kind}")
        return struct.unpack(f"<{length}{kind}", _cut(self.data, at, length * size))

    def tables(self, field: int) -> Iterator[FlatTable]:
        at, length = self._vector(field)
        for place in range(at, at + 4 * length, 4):
            yield FlatTable(self.data, place + _read(self.data, place))

    def _at(self, field: int) -> int | None:
        names = self.place - _read(self.data, self.place, "i")
        slot = 4 + 2 * field
        offset = _read(self.data, names + slot, "H") if slot < _read(self.data, names, "H") else 0
        return self.place + offset if offset else None

    def _vector(self, field: int) -> tuple[int, int]:
        """Where its first element is, and how many there are."""
        at = self._at(field)
        if at is None:
            return 0, 0
        start = at + _read(self.data, at)
        return start + 4, _read(self.data, start)


def root(data: bytes) -> FlatTable:
    """The outermost table of a buffer."""
    return FlatTable(data, _read(data, 0))


def _read(data: bytes, at: int, kind: str = "I") -> int:
    size = struct.calcsize(f"<{kind}")
    found: int = struct.unpack(f"<{kind}", _cut(data, at, size))[0]
    return found


def _cut(data: bytes, at: int, size: int) -> bytes:
    if at < 0 or at + size > len(data):
        raise ValueError(f"expected {size} bytes at {at}, the buffer has {len(data)}")
    return data[at : at + size]
