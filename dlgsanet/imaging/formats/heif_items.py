"""The boxes of AVIF and HEIC, and the size of each AV1 picture in them: what the boxes announce against what is coded.

libavif resizes to what is announced (`ispe`), without a word; libheif refuses by itself what does not agree. What
counts is the sequence header's size; a frame header that overrides it, which no still picture needs, is not read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

Box = tuple[bytes, int, int]
_FULL_BOX = 4  # bytes of version and flags
_SEQUENCE_HEADER = 1  # type of an OBU
_HAS_TIER = 7  # levels above have a tier
_NO_NUMBER = 32  # leading zeros behind which nothing is written
_BEGINNING = 4096  # bytes of a picture in which its sequence header lies


class Bits:
    """Numbers out of bytes, the highest bit first. Raises ValueError beyond the end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> int:
        """The next so many bits."""
        end = self._at + count
        if end > 8 * len(self._data):
            raise ValueError("a header of AV1 is cut")
        first, behind = self._at // 8, -(-end // 8)
        self._at = end
        whole = int.from_bytes(self._data[first:behind], "big")
        return whole >> 8 * behind - end & (1 << count) - 1

    def skip_uvlc(self) -> None:
        """A number of a length that it tells by leading zeros."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        self.take(zeros if zeros < _NO_NUMBER else 0)


def boxes(data: bytes, at: int, end: int) -> Iterator[Box]:
    """Name, begin and end of what is in each box between two places."""
    while at + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        size = size or end - at
        if size < head or at + size > end:
            raise ValueError(f"a box lies beyond the end of {'the file' if end == len(data) else 'another'}")
        yield name, at + head, at + size
        at += size


def in_meta(data: bytes) -> Mapping[bytes, tuple[int, int]]:
    """Begin and end of the boxes that describe the pictures of a file, the first of each name."""
    found: dict[bytes, tuple[int, int]] = {}
    for name, at, end in boxes(data, 0, len(data)):
        if name == b"meta":
            for inner, begin, stop in boxes(data, at + _FULL_BOX, end):
                found.setdefault(inner, (begin, stop))
    return found


def properties(data: bytes) -> list[Box]:
    """The boxes that say what the pictures in a file are like, in their order."""
    begin, stop = in_meta(data).get(b"iprp", (0, 0))
    return [
        each for name, first, behind in boxes(data, begin, stop) if name == b"ipco"
        for each in boxes(data, first, behind)
    ]  # fmt: skip


def require_coded_sizes(data: bytes) -> None:
    """Raises ValueError for an AVIF picture whose announced size is not the coded one."""
    places, described = _places(data), properties(data)
    for item, indices in _associations(data).items():
        own = [described[index - 1] for index in indices if 0 < index <= len(described)]
        announced = [struct.unpack_from(">II", data, at + _FULL_BOX) for name, at, _ in own if name == b"ispe"]
        if not announced or item not in places or not any(name == b"av1C" for name, _, _ in own):
            continue
        coded = coded_size(_beginning(data, places[item]))
        if coded is not None and coded != announced[0]:
            said, held = (f"{width}x{height}" for width, height in (announced[0], coded))
            raise ValueError(f"{said} pixels are announced, {held} are coded")


def _beginning(data: bytes, pieces: list[tuple[int, int]]) -> bytes:
    found = b""
    for at, end in pieces:
        if len(found) >= _BEGINNING:
            break
        found += data[at : min(end, at + _BEGINNING)]
    return found


def coded_size(units: bytes) -> tuple[int, int] | None:
    """Width and height in the sequence header of an AV1 picture; None without one."""
    at = 0
    while at < len(units):
        head, at = units[at], at + 1
        at += head >> 2 & 1  # its extension
        size, at = _leb128(units, at) if head >> 1 & 1 else (len(units) - at, at)
        if head >> 3 & 15 == _SEQUENCE_HEADER:
            return _sequence_size(Bits(units[at : at + size]))
        at += size
    return None


def _leb128(units: bytes, at: int) -> tuple[int, int]:
    """A number in bytes of seven bits, the lowest first, and where it ends."""
    value = 0
    for number, byte in enumerate(units[at : at + 8]):
        value |= (byte & 127) << 7 * number
        if not byte & 128:
            return value, at + number + 1
    raise ValueError("a header of AV1 is cut")


def _sequence_size(bits: Bits) -> tuple[int, int]:
    """By 5.5.1 of the AV1 specification."""
    bits.take(4)  # profile, still picture
    if bits.take(1):  # reduced header
        bits.take(5)
    else:
        _skip_operating_points(bits)
    wide, high = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(wide) + 1, bits.take(high) + 1


def _skip_operating_points(bits: Bits) -> None:
    delay = 0
    if bits.take(1):  # timing
        bits.take(64)
        if bits.take(1):
            bits.skip_uvlc()
        if bits.take(1):  # decoder model
            delay = bits.take(5) + 1
            bits.take(42)
    display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > _HAS_TIER:
            bits.take(1)
        if delay and bits.take(1):
            bits.take(2 * delay + 1)
        if display_delay and bits.take(1):
            bits.take(4)


def _associations(data: bytes) -> Mapping[int, list[int]]:
    """By item: which properties are its own, counted from 1."""
    found: dict[int, list[int]] = {}
    begin, stop = in_meta(data).get(b"iprp", (0, 0))
    for name, at, _ in boxes(data, begin, stop):
        if name == b"ipma":
            version, wide = data[at], data[at + 3] & 1
            (count,) = struct.unpack_from(">I", data, at + _FULL_BOX)
            at += _FULL_BOX + 4
            for _ in range(count):
                item, at = _number(data, at, 2 + 2 * (version > 0))
                many, at = _number(data, at, 1)
                for _ in range(many):
                    index, at = _number(data, at, 1 + wide)
                    found.setdefault(item, []).append(index & (0x7FFF if wide else 0x7F))
    return found


def _places(data: bytes) -> Mapping[int, list[tuple[int, int]]]:
    """By item: begin and end of the pieces of its data in the file."""
    found: dict[int, list[tuple[int, int]]] = {}
    meta = in_meta(data)
    if b"iloc" not in meta:
        return found
    at = meta[b"iloc"][0]
    version, sizes = data[at], data[at + 4 : at + 6]
    of_offset, of_length, of_base, of_index = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4, sizes[1] & 15
    count, at = _number(data, at + _FULL_BOX + 2, 4 if version > 1 else 2)
    for _ in range(count):
        item, at = _number(data, at, 4 if version > 1 else 2)
        method, at = _number(data, at, 2 if version else 0)
        base, at = _number(data, at + 2, of_base)
        many, at = _number(data, at, 2)
        base += meta.get(b"idat", (0, 0))[0] if method & 15 == 1 else 0
        many = many if of_offset + of_length else min(many, 1)  # the same piece, again and again
        for _ in range(many):
            start, at = _number(data, at + (of_index if version else 0), of_offset)
            length, at = _number(data, at, of_length)
            begin = base + start
            found.setdefault(item, []).append((begin, begin + length if length else len(data)))
    return found


def _number(data: bytes, at: int, size: int) -> tuple[int, int]:
    """A number of so many bytes, and where it ends. Raises ValueError beyond the end."""
    if at + size > len(data):
        raise ValueError("a box is cut")
    return int.from_bytes(data[at : at + size], "big"), at + size
