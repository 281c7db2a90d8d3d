"""TIFF 6 and BigTIFF by their tags: depth, sign, layout and size, and whether all data are there.

Pillow's raw mode tells little of this: separate planes of 16 bits have the raw mode of 8.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from dlgsanet.imaging.formats.fax import GROUP3, GROUP4, RUN_LENGTHS, require_fax
from dlgsanet.imaging.formats.jpeg import read_jpeg, require_whole_scans
from dlgsanet.imaging.formats.refusal import NotReadError
from dlgsanet.imaging.limits import require_pixels

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIPS, _SAMPLES, _ROWS, _STRIP_BYTES, _PLANAR = 273, 277, 278, 279, 284
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES, _EXTRA, _FORMAT, _JPEG_TABLES = 322, 323, 324, 325, 338, 339, 347
_NAMES = {1: "unsigned", 2: "signed", 3: "float", 4: "unsigned", 5: "complex", 6: "complex"}
_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_NONE, _LZW, _JPEG, _PACKBITS, _LZMA, _ZSTD = 1, 5, 7, 32773, 34925, 50000
_DEFLATE = (8, 32946)
_FAX = (RUN_LENGTHS, GROUP3, GROUP4)
_READ = (_NONE, _LZW, _JPEG, _PACKBITS, _LZMA, _ZSTD, *_DEFLATE, *_FAX)
_MOST_FAX = 8  # bytes of fax for a byte of pixels: a code has at most 13 bits and stands for at least two pixels
_YCBCR = 6
_PREMULTIPLIED = 1
_FAX_OPTIONS = 292
_PADDING = 64  # bytes that writers align to
_PIECE = 1 << 20


@dataclass(frozen=True)
class Tiff:
    """What a TIFF file states of its first picture. `kind`: unsigned, signed, float or complex samples; `planes` of
    their own for each channel; `inverted`: 0 is white; `premultiplied`: colours that are darker where transparent."""

    width: int
    height: int
    bits: int
    kind: str
    compression: int
    planes: bool = False
    inverted: bool = False
    premultiplied: bool = False


@dataclass(frozen=True)
class _Part:
    """A strip or a tile: its place in the file, its bytes when unpacked, and its size in pixels."""

    offset: int
    packed: int
    unpacked: int
    across: int
    down: int


class _Tags:
    """The first directory's tags of whole numbers, and the bytes of others."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._order = "<" if data[:2] == b"II" else ">"
        self._big = data[2:4] in (b"+\0", b"\0+")
        self._entries = self._directory()

    def _unpack(self, layout: str, at: int) -> tuple[int, ...]:
        return struct.unpack_from(self._order + layout, self._data, at)

    def _directory(self) -> Mapping[int, tuple[int, int, int]]:
        """Tag -> type, count and place of its values."""
        (at,) = self._unpack("Q", 8) if self._big else self._unpack("I", 4)
        (count,) = self._unpack("Q", at) if self._big else self._unpack("H", at)
        first, size, room = (at + 8, 20, 8) if self._big else (at + 2, 12, 4)
        if count > 4096:
            raise ValueError(f"it has {count} tags")
        found = {}
        for i in range(count):
            entry = first + size * i
            tag, kind, number = self._unpack("HHQ" if self._big else "HHI", entry)
            inline = entry + size - room
            length = _TYPE_BYTES.get(kind, 1) * number
            (place,) = (inline,) if length <= room else self._unpack("Q" if self._big else "I", inline)
            found[tag] = (kind, number, place)
        return found

    def numbers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Values of a tag."""
        if tag not in self._entries:
            return default
        kind, count, place = self._entries[tag]
        if kind not in _TYPES or count < 1 or place + count * _TYPE_BYTES[kind] > len(self._data):
            raise ValueError(f"tag {tag} is damaged")
        return self._unpack(f"{count}{_TYPES[kind]}", place)

    def number(self, tag: int, default: int) -> int:
        """The first value of a tag."""
        return self.numbers(tag, (default,))[0]

    def raw(self, tag: int) -> bytes:
        """The bytes of a tag; none where it is missing."""
        _, count, place = self._entries.get(tag, (1, 0, 0))
        return self._data[place : place + count]


def read_tiff(data: bytes, whole: bool = True) -> Tiff:
    """The facts of a TIFF file whose data are all there; without `whole` nothing is unpacked to see that. Raises
    ValueError (struct.error, zlib.error) for damage and for what cannot be told from it, TooLargeError before anything
    is unpacked."""
    tags = _Tags(data)
    width, height = tags.number(_WIDTH, 0), tags.number(_HEIGHT, 0)
    require_pixels(width, height)
    bits, samples = tags.numbers(_BITS, (1,)), tags.number(_SAMPLES, 1)
    kinds = {_NAMES.get(it, "unknown") for it in tags.numbers(_FORMAT, (1,))}
    if len(set(bits)) > 1 or len(kinds) > 1 or len(bits) not in (1, samples) or not 1 <= samples <= 4:
        raise NotReadError(f"expected 1 to 4 samples of one kind, found {samples} of {bits[:8]} bits")
    compression = tags.number(_COMPRESSION, 1)
    _require_known(tags, compression, bits[0])
    parts = _parts(tags, width, height, bits[0], samples)
    _require_present(data, parts, compression)
    if whole:
        _require_whole(data, tags, parts, compression)
    planes = samples > 1 and tags.number(_PLANAR, 1) == 2
    inverted, premultiplied = tags.number(_PHOTOMETRIC, 1) == 0, tags.number(_EXTRA, 0) == _PREMULTIPLIED
    return Tiff(width, height, bits[0], kinds.pop(), compression, planes, inverted, premultiplied)


def _require_known(tags: _Tags, compression: int, bits: int) -> None:
    if not tags.numbers(_PHOTOMETRIC):  # no default by the standard, and readers differ: the picture or its negative
        raise NotReadError("it does not say whether 0 is black or white (tag 262)")
    if compression not in _READ:
        raise NotReadError(f"compression {compression} is not read, as damage cannot be told; convert it to PNG")
    if tags.number(_PHOTOMETRIC, 1) == _YCBCR and compression != _JPEG:
        raise NotReadError("YCbCr without JPEG compression is not read; convert it to PNG")
    if compression in _FAX and (bits != 1 or tags.number(_SAMPLES, 1) != 1):
        raise ValueError("fax compression of more than one bit a pixel")
    if tags.number(_FILL_ORDER, 1) != 1 and (bits != 1 or compression not in (_NONE, *_FAX)):
        raise NotReadError("bits in reverse order are not read; convert it to PNG")


def _parts(tags: _Tags, width: int, height: int, bits: int, samples: int) -> list[_Part]:
    """All strips or tiles. Raises ValueError where they are not as many as the size says."""
    planes, together = (samples, 1) if tags.number(_PLANAR, 1) == 2 and samples > 1 else (1, samples)
    tiled = tags.number(_TILE_WIDTH, 0) > 0
    if tiled:
        across, down = tags.number(_TILE_WIDTH, 0), tags.number(_TILE_HEIGHT, 0)
        require_pixels(across, down)
    else:
        across, down = width, min(tags.number(_ROWS, height), height)
    if down < 1:
        raise ValueError("its strips have no rows")
    columns, rows = -(-width // across), -(-height // down)
    offsets = tags.numbers(_TILES if tiled else _STRIPS)
    counts = tags.numbers(_TILE_BYTES if tiled else _STRIP_BYTES)
    expected = columns * rows * planes
    if len(offsets) != expected or len(counts) != expected:
        raise ValueError(f"it announces {expected} strips or tiles and has {len(offsets)}")
    parts = []
    for at, (offset, count) in enumerate(zip(offsets, counts, strict=True)):
        high = down if tiled else min(down, height - down * (at % rows))
        parts.append(_Part(offset, count, (across * together * bits + 7) // 8 * high, across, high))
    return parts


def _require_present(data: bytes, parts: list[_Part], compression: int) -> None:
    most = max(part.unpacked for part in parts)
    for part in parts:
        if not part.packed or part.offset + part.packed > len(data):
            raise ValueError("a strip or tile lies beyond the file's end")
        if compression == _NONE and not part.unpacked <= part.packed <= most + _PADDING:
            raise ValueError("a strip or tile is not as long as its rows")


def _require_whole(data: bytes, tags: _Tags, parts: list[_Part], compression: int) -> None:
    most = max(part.unpacked for part in parts)
    for part in parts:
        packed = memoryview(data)[part.offset : part.offset + part.packed]
        if compression in _DEFLATE:
            _require_inflates(packed, part.unpacked, most)
        if compression in _FAX:
            _require_fax(packed, part, tags, compression)
        if compression == _JPEG:
            _require_jpeg(bytes(packed), tags.raw(_JPEG_TABLES))


def _require_inflates(packed: memoryview, expected: int, most: int) -> None:
    """The whole of a strip or tile, with its checksum; the last strip may have rows below the picture."""
    unpack, found = zlib.decompressobj(), 0
    left: bytes | memoryview = packed
    while not unpack.eof and found <= most:
        piece = unpack.decompress(left, _PIECE)
        if not piece and not unpack.eof:
            break
        found, left = found + len(piece), unpack.unconsumed_tail
    if not unpack.eof or not expected <= found <= most:
        raise ValueError("a strip or tile is not as long as its rows")


def _require_fax(packed: memoryview, part: _Part, tags: _Tags, compression: int) -> None:
    if len(packed) > _MOST_FAX * part.unpacked + _PADDING:
        raise ValueError("a strip or tile is longer than its rows can be")
    two_way, reverse = bool(tags.number(_FAX_OPTIONS, 0) & 1), tags.number(_FILL_ORDER, 1) == 2
    require_fax(bytes(packed), part.across, part.down, compression, two_way, reverse)


def _require_jpeg(packed: bytes, tables: bytes) -> None:
    """A strip or tile as a JPEG file of its own, with the tables that all share before it."""
    whole = packed[:2] + tables[2:-2] + packed[2:] if tables[:2] == packed[:2] else packed
    jpeg = read_jpeg(whole)
    with Image.open(io.BytesIO(whole), formats=["JPEG"]) as image:
        require_whole_scans(whole, jpeg, np.asarray(image))
