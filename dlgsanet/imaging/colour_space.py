"""What a file declares about its colours, kept as PNG says it, or said to be dropped."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

from PIL import Image

Chunk = tuple[bytes, bytes]
"""Name and content of a PNG chunk."""

_WHITE, _PRIMARIES, _TRANSFER = 318, 319, 301  # tags of TIFF and EXIF
_EXTRA_SAMPLES = 338
_EXIF, _INTEROP, _SPACE, _GAMMA = 0x8769, 0xA005, 0xA001, 0xA500
_SRGB, _ADOBE, _UNCALIBRATED = 1, 2, 65535
_ADOBE_RULE = "R03"  # of DCF: how cameras say Adobe RGB
_PROFILE_MARKS = {
    "JPEG": b"ICC_PROFILE\0",
    "MPO": b"ICC_PROFILE\0",
    "PNG": b"iCCP",
    "WEBP": b"ICCP",
    "GIF": b"ICCRGBG1012",
}
_BMP_PROFILES = (b"DEBM", b"KNIL")  # a profile in the file, or beside it


@dataclass(frozen=True)
class ColourSpace:
    """An ICC profile, the PNG chunks that declare colours, and what could not be kept, each in a few words."""

    icc: bytes | None = None
    chunks: tuple[Chunk, ...] = ()
    dropped: tuple[str, ...] = ()


def declared_by(image: Image.Image, data: bytes, chunks: Iterable[Chunk]) -> ColourSpace:
    """What an open picture declares; `data` is its file, `chunks` what a PNG states itself.

    An ICC profile outranks EXIF, and so do PNG's chunks.
    """
    icc: bytes | None = image.info.get("icc_profile") or None
    own = tuple(chunks)
    dropped = []
    mark = _PROFILE_MARKS.get(image.format or "")
    if icc is None and mark and mark in data:
        dropped.append("an ICC profile that cannot be read")
    extra = image.getexif().get(_EXTRA_SAMPLES) if image.format == "TIFF" else None
    if extra == 0 or extra == (0,):
        dropped.append("a further channel of no stated meaning")
    if image.format == "BMP":
        dropped += _of_bitmap(data)
    if image.format == "MPO":
        dropped.append("the pictures behind the first one (preview, gain map)")
    if icc or own:
        return ColourSpace(icc, own, tuple(dropped))
    kept, lost = _of_exif(image.getexif())
    return ColourSpace(None, kept, (*dropped, *lost))


def png_chunks(chunks: Iterable[Chunk]) -> bytes:
    """The chunks as they stand in a file."""
    return b"".join(png_chunk(name, content) for name, content in chunks)


def png_chunk(name: bytes, content: bytes) -> bytes:
    """One chunk with its length and checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc32(name + content))


def _of_bitmap(data: bytes) -> list[str]:
    """Of bitmaps with a header of version 4 or 5."""
    if len(data) < 122 or struct.unpack_from("<I", data, 14)[0] < 108:
        return []
    kind = data[70:74]
    calibrated = kind == bytes(4) and any(data[74:122])
    return ["the bitmap's own colour space"] if calibrated or kind in _BMP_PROFILES else []


def _of_exif(exif: Image.Exif) -> tuple[tuple[Chunk, ...], tuple[str, ...]]:
    """Chunks that say the same as EXIF or TIFF tags, and what has none."""
    inner = exif.get_ifd(_EXIF)
    rule = str(exif.get_ifd(_INTEROP).get(1, "")).strip("\0 ") if _INTEROP in inner or _INTEROP in exif else ""
    space, gamma = inner.get(_SPACE), inner.get(_GAMMA)
    white, primaries = exif.get(_WHITE, ()), exif.get(_PRIMARIES, ())
    lost = ["a transfer function"] if _TRANSFER in exif else []
    if space == _ADOBE or rule == _ADOBE_RULE:
        return (_gama(2.19921875), _chrm((0.3127, 0.329), (0.64, 0.33, 0.21, 0.71, 0.15, 0.06))), tuple(lost)
    kept = []
    if gamma:
        kept.append(_gama(float(gamma)))
    if len(white) == 2 and len(primaries) == 6:
        kept.append(_chrm(white, primaries))
    elif space == _SRGB and not kept:
        kept.append((b"sRGB", b"\0"))
    if space == _UNCALIBRATED and not kept:
        lost.append("an uncalibrated EXIF colour space")
    return tuple(kept), tuple(lost)


def _gama(gamma: float) -> Chunk:
    return b"gAMA", struct.pack(">I", round(100_000 / gamma))


def _chrm(white: Iterable[float], primaries: Iterable[float]) -> Chunk:
    return b"cHRM", struct.pack(">8I", *(round(100_000 * float(value)) for value in (*white, *primaries)))
