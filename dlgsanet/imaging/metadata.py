"""What a file says of its picture beside the pixels and colours: EXIF, XMP and resolution, true of the new size."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image

from dlgsanet.imaging.colour_space import Chunk

_ORIENTATION, _XMP, _EXIF, _GPS, _INTEROP = 0x0112, 700, 0x8769, 0x8825, 0xA005
_WIDTH, _HEIGHT = 0xA002, 0xA003  # of the picture, within EXIF's own directory
# Of the first directory: who, what, when, with what; resolution and colours. All else there lays out the file.
_KEPT = (
    269, 270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 318, 319, 531, 0x4746, 0x4749, 33432,
    0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F,
)  # fmt: skip
_MOST = 65_000  # bytes that a JPEG segment holds
_XMP_IN_JPEG = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_IN_PNG = b"XML:com.adobe.xmp\0\0\0\0\0"
_MARK = b"Exif\0\0"
# What Pillow raises for damaged directories and values of odd types.
_EXIF_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, OverflowError, EOFError, AssertionError, AttributeError,
    ZeroDivisionError, struct.error, RecursionError,
)  # fmt: skip


@dataclass(frozen=True)
class Metadata:
    """`exif` as a TIFF block of its own, upright, without a thumbnail; `xmp` as a packet; `dpi` across and down."""

    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None

    def sized(self, width: int, height: int) -> Metadata:
        """The same of a picture of this size."""
        exif, xmp = self.exif, self.xmp
        if exif is not None:
            block = Image.Exif()
            block.load(exif)
            block[_EXIF] = {**_directory(block, _EXIF), _WIDTH: width, _HEIGHT: height}
            exif = _packed(block)
        if xmp is not None:
            across, down = b"(?:tiff:ImageWidth|exif:PixelXDimension)", b"(?:tiff:ImageLength|exif:PixelYDimension)"
            for name, value in ((across, width), (down, height), (b"tiff:Orientation", 1)):
                xmp = re.sub(rb"(" + name + rb"\s*(?:=\s*[\"']|>)\s*)\d+", rb"\g<1>%d" % value, xmp)
        return Metadata(exif, xmp, self.dpi)

    def png_chunks(self) -> tuple[Chunk, ...]:
        """The same as PNG says it."""
        chunks = []
        if self.dpi is not None:
            across, down = (min(round(value / 0.0254), 2**31 - 1) for value in self.dpi)
            chunks.append((b"pHYs", struct.pack(">IIB", across, down, 1)))
        if self.exif is not None:
            chunks.append((b"eXIf", self.exif.removeprefix(_MARK)))
        if self.xmp is not None:
            chunks.append((b"iTXt", _XMP_IN_PNG + self.xmp))
        return tuple(chunks)

    def options(self, form: str) -> Mapping[str, object]:
        """The same as options of Pillow's writer of a format."""
        options: dict[str, object] = {}
        if self.dpi is not None and form in ("JPEG", "TIFF", "BMP"):
            options["dpi"] = self.dpi
        if form == "TIFF" and (self.exif or self.xmp):
            options["exif"] = self.tiff_tags()
            options["compression"] = "raw"  # libtiff, which compresses for Pillow, takes no EXIF directories
        if form in ("JPEG", "WEBP") and self.exif is not None:
            options["exif"] = self.exif
        if form == "WEBP" and self.xmp is not None:
            options["xmp"] = self.xmp
        if form == "JPEG" and self.xmp is not None:
            body = _XMP_IN_JPEG + self.xmp
            options["extra"] = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
        return options

    def tiff_tags(self) -> Image.Exif:
        """EXIF and XMP as tags of a TIFF file."""
        tags = Image.Exif()
        if self.exif is not None:
            tags.load(self.exif)
        if self.xmp is not None:
            tags[_XMP] = self.xmp
        return tags


NOTHING = Metadata()
"""Of pictures that say nothing."""


def described_by(image: Image.Image) -> tuple[Metadata, tuple[str, ...]]:
    """What an open, decoded picture says of itself, and what of it cannot be kept."""
    lost = []
    exif: bytes | None = None
    try:
        exif = _kept(image.getexif())
        Metadata(exif).sized(1, 1)  # so that nothing fails when the picture is done
    except _EXIF_ERRORS:
        exif = None
        lost.append("EXIF that cannot be read")
    said = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or None
    xmp = said.encode("utf-8", "surrogateescape") if isinstance(said, str) else said
    if not isinstance(xmp, bytes):
        xmp = None
    if exif is not None and len(exif) > _MOST:
        exif = None
        lost.append("EXIF of more than 64 kB")
    if xmp is not None and len(xmp) > _MOST:
        xmp = None
        lost.append("XMP of more than 64 kB")
    return Metadata(exif, xmp, _resolution(image.info.get("dpi"))), tuple(lost)


def _kept(found: Image.Exif) -> bytes | None:
    block = Image.Exif()
    for tag in _KEPT:
        if tag in found:
            block[tag] = found[tag]
    for tag in (_EXIF, _GPS):
        inner = _directory(found, tag)
        if inner:
            block[tag] = inner
    if not block:
        return None
    if _ORIENTATION in found:
        block[_ORIENTATION] = 1
    return _packed(block)


def _directory(exif: Image.Exif, tag: int) -> dict[int, object]:
    inner: dict[int, object] = dict(exif.get_ifd(tag))
    if _INTEROP in inner:
        inner[_INTEROP] = dict(exif.get_ifd(_INTEROP))
    return inner


def _packed(block: Image.Exif) -> bytes:
    packed: bytes = block.tobytes()
    return packed if packed.startswith(_MARK) else _MARK + packed


def _resolution(found: object) -> tuple[float, float] | None:
    if not isinstance(found, tuple) or len(found) != 2:
        return None
    try:
        across, down = (float(value) for value in found)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if all(math.isfinite(it) and 1 <= it <= 1e6 for it in (across, down)) else None
