"""GIF, WebP, BMP and Netpbm by their headers: the size before anything is decoded, for GIF whether all pixels are
there, and what Pillow would read wrongly or for minutes."""

from __future__ import annotations

import re
import struct

from dlgsanet.imaging.limits import require_pixels

GIF_SIGNATURES = (b"GIF87a", b"GIF89a")
BMP_SIGNATURE = b"BM"
NETPBM_SIGNATURES = (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"Py", b"Pf", b"PF", b"P0")

_AS_TEXT = NETPBM_SIGNATURES[:3]
_BETWEEN = re.compile(rb"(?:[ \t\n\x0b\x0c\r]+|#[^\r\n]*)*")  # white space and comments
_WORD = re.compile(rb"[^# \t\n\x0b\x0c\r]*")
_COMMENT = re.compile(rb"#[^\r\n]*")
_MOST_WORDS_OF_NETPBM = 64 << 10  # bytes; Pillow takes a microsecond for each
_FILE_HEADER = 14  # bytes of a bitmap before the header that says its own length
_MOST_CODES = 4096


def is_webp(data: bytes) -> bool:
    """Whether the file starts as a WebP file."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def require_webp(data: bytes) -> None:
    """Raises ValueError for a cut file and TooLargeError: Pillow allocates the canvas when it opens the file."""
    (length,) = struct.unpack_from("<I", data, 4)
    if length + 8 > len(data):
        raise ValueError("the file ends before the picture")
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    require_pixels(width, height)


def require_gif(data: bytes) -> None:
    """Raises ValueError where pixels of the first frame are missing (Pillow leaves them as they were) and
    TooLargeError."""
    require_pixels(*struct.unpack_from("<HH", data, 6))
    at = 13 + _palette_bytes(data[10])
    while data[at : at + 1] == b"!":  # an extension: its label, then blocks
        at = _blocks(data, at + 2)[1]
    if data[at : at + 1] != b",":
        raise ValueError("it holds no picture")
    left, top, width, height, flags = struct.unpack_from("<HHHHB", data, at + 1)
    require_pixels(left + width, top + height)
    at += 10 + _palette_bytes(flags)
    found = _unpacked_pixels(_blocks(data, at + 1)[0], data[at], width * height)
    if found != width * height:
        raise ValueError("pixels are missing, or more than it announces")


def require_bmp(data: bytes) -> None:
    """Raises ValueError for pixels that would begin within the header: it would be shown as some of them."""
    pixels, header = struct.unpack_from("<II", data, 10)
    if 0 < pixels < _FILE_HEADER + header:  # 0: behind the header and palette
        raise ValueError("its pixels begin within its header")


def require_netpbm(data: bytes) -> None:
    """Raises ValueError for a header or comments of megabytes, which Pillow reads byte by byte."""
    at = 2
    for _ in range(3):  # width, height and the largest value
        for pattern in (_BETWEEN, _WORD):
            found = pattern.match(data, at)
            at = found.end() if found else at
    comments = sum(found.end() - found.start() for found in _COMMENT.finditer(data)) if data[:2] in _AS_TEXT else 0
    if max(at, comments) > _MOST_WORDS_OF_NETPBM:
        raise ValueError(f"its header or its comments have more than {_MOST_WORDS_OF_NETPBM >> 10} KiB")


def _palette_bytes(flags: int) -> int:
    return 3 * (2 << (flags & 7)) if flags & 0x80 else 0


def _blocks(data: bytes, at: int) -> tuple[bytes, int]:
    """The content of a row of blocks, and the place behind it."""
    parts = []
    while size := data[at]:
        parts.append(data[at + 1 : at + 1 + size])
        at += 1 + size
    return b"".join(parts), at + 1


def _unpacked_pixels(packed: bytes, first_bits: int, enough: int) -> int:
    """How many pixels the LZW codes stand for, counted to just beyond `enough`; only lengths are kept."""
    if not 1 <= first_bits <= 8:
        raise ValueError("its codes are damaged")
    clear, end = 1 << first_bits, (1 << first_bits) + 1
    lengths, width, before = [1] * (end + 1), first_bits + 1, 0
    held = bits = total = 0
    for byte in packed:
        held |= byte << bits
        bits += 8
        while bits >= width:
            code = held & ((1 << width) - 1)
            held >>= width
            bits -= width
            if code == clear:
                del lengths[end + 1 :]
                width, before = first_bits + 1, 0
                continue
            if code == end or code > len(lengths) or (code == len(lengths) and not before):
                return total
            if before and len(lengths) < _MOST_CODES:
                lengths.append(before + 1)
                if len(lengths) == 1 << width and width < 12:
                    width += 1
            before = lengths[code] if code < len(lengths) else before
            total += before
        if total > enough:
            break
    return total
