"""PNG by its chunks (W3C PNG, third edition): what the header says, what declares colour, and whether it is whole.

Pillow leaves rows black that the file lacks, and looks at no checksum of pixels.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dlgsanet.imaging.colour_space import png_chunk
from dlgsanet.imaging.limits import require_pixels

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_CHUNKS = (b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI")
"""What says how samples mean colours, besides an ICC profile."""

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_ONCE = (b"IHDR", b"PLTE", b"tRNS")  # of two a decoder takes one, and this reader the other
# Adam7: first column and row, and the steps, of each pass.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_MOST_CHUNKS = 10_000  # and one for each KiB: encoders write pixels in pieces of 8 KiB and more
_PIECE = 1 << 20
_BEST_DEFLATE = 1032  # bytes that one byte of deflate can stand for


@dataclass(frozen=True)
class Png:
    """What a whole PNG file states. `key`: samples of the transparent colour, in the file's own depth."""

    width: int
    height: int
    depth: int
    colour_type: int
    interlaced: bool
    declared: tuple[tuple[bytes, bytes], ...]
    key: tuple[int, ...] | None


def read_png(data: bytes, whole: bool = True) -> Png:
    """The facts of a PNG file, all of whose pixels are there; that is not looked at without `whole`, and nothing is
    inflated. Raises ValueError and zlib.error for damage, TooLargeError before anything is inflated."""
    chunks = list(_chunks(data))
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        raise ValueError("it does not begin with a header")
    names = [name for name, _ in chunks]
    if twice := [name.decode() for name in _ONCE if names.count(name) > 1]:
        raise ValueError(f"it holds {twice[0]} more than once")
    width, height, depth, kind, method, filters, interlace = struct.unpack(">IIBBBBB", chunks[0][1])
    if depth not in _DEPTHS.get(kind, ()) or method or filters or interlace > 1:
        raise ValueError(f"no PNG has colour type {kind} of {depth} bits")
    require_pixels(width, height)
    named: dict[bytes, bytes] = {name: bytes(body) for name, body in chunks if name != b"IDAT"}
    if kind == 3 and not named.get(b"PLTE"):
        raise ValueError("the palette is missing")
    pixels = [body for name, body in chunks if name == b"IDAT"]
    if whole:
        _require_inflates_to(pixels, _raw_bytes(width, height, depth * _CHANNELS[kind], bool(interlace)))
    declared = tuple((name, named[name]) for name in COLOUR_CHUNKS if name in named)
    return Png(width, height, depth, kind, bool(interlace), declared, _key(kind, named.get(b"tRNS", b"")))


def without_pixels(data: bytes) -> bytes:
    """The file without its pixels, so that whoever reads up to them reads all else. Raises ValueError."""
    kept = [data[: len(SIGNATURE)]]
    for name, body in _chunks(data):
        if name != b"IDAT":
            kept.append(png_chunk(name, bytes(body)))
    return b"".join(kept)


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Name and content of each chunk up to the end; what follows it is no part of the picture."""
    view, at = memoryview(data), len(SIGNATURE)
    left = _MOST_CHUNKS + len(data) // 1024
    while at + 12 <= len(data):
        left -= 1
        if left < 0:  # each takes microseconds, here and in Pillow
            raise ValueError("it is made of more pieces than any picture needs")
        (length,) = struct.unpack_from(">I", data, at)
        name, body = bytes(view[at + 4 : at + 8]), view[at + 8 : at + 8 + length]
        if at + 12 + length > len(data):
            break
        if zlib.crc32(view[at + 4 : at + 8 + length]) != struct.unpack_from(">I", data, at + 8 + length)[0]:
            raise ValueError(f"the checksum of {name!r} is wrong")
        if name not in _CRITICAL and name[:1].isupper():
            raise ValueError(f"unknown kind of PNG, with {name!r}")
        yield name, body
        if name == b"IEND":
            return
        at += 12 + length
    raise ValueError("the file ends before the picture")


def _raw_bytes(width: int, height: int, bits: int, interlaced: bool) -> int:
    """Bytes of all rows, each with its filter's number."""
    if not interlaced:
        return height * (1 + (width * bits + 7) // 8)
    total = 0
    for left, top, across, down in _PASSES:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        total += rows * (1 + (columns * bits + 7) // 8) if columns > 0 and rows > 0 else 0
    return total


def _require_inflates_to(pieces: Sequence[memoryview], expected: int) -> None:
    if sum(map(len, pieces)) * _BEST_DEFLATE < expected:
        raise ValueError("rows are missing")
    unpack, found = zlib.decompressobj(), 0
    for piece in pieces:
        left: bytes | memoryview = piece
        while left and not unpack.eof and found <= expected:
            found += len(unpack.decompress(left, _PIECE))
            left = unpack.unconsumed_tail
    while not unpack.eof and found <= expected and (more := unpack.decompress(unpack.unconsumed_tail, _PIECE)):
        found += len(more)
    if found > expected:
        raise ValueError("it holds more rows than it announces")
    if found < expected or not unpack.eof:
        raise ValueError("rows are missing")


def _key(kind: int, content: bytes) -> tuple[int, ...] | None:
    count = {0: 1, 2: 3}.get(kind, 0)
    if not content or not count:
        return None
    if len(content) != 2 * count:
        raise ValueError("the transparent colour is damaged")
    return struct.unpack(f">{count}H", content)
