"""AVIF and HEIC, which share a container: what its boxes tell before anything is decoded, and who decodes them.

Pillow reads AVIF from 11.3 on, in 8 bits; pillow-heif reads HEIC, in all of its bits.
"""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass
from importlib.util import find_spec
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from dlgsanet.imaging.formats.heif_items import properties, require_coded_sizes
from dlgsanet.imaging.formats.refusal import NotReadError
from dlgsanet.imaging.limits import require_pixels

AVIF, HEIC = "AVIF", "HEIC"
SUFFIXES = {AVIF: (".avif",), HEIC: (".heic", ".heif", ".hif")}
EXTRA = 'pip install "dlgsanet-edge[heif]"'
_DECODERS = {AVIF: "PIL._avif", HEIC: "pillow_heif"}
_BRANDS = {AVIF: (b"avif", b"avis"), HEIC: (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")}
_FULL_BOX = 4  # bytes of version and flags
_SRGB, _UNTOLD = (1, 13), (2, 2)  # primaries and transfer by H.273


@dataclass(frozen=True)
class Heif:
    """What the boxes state. `kind`: AVIF or HEIC; `bits` of the deepest channel; `cicp`: primaries and transfer by
    H.273, None where untold or where pictures in the file differ."""

    kind: str
    bits: int
    cicp: tuple[int, int] | None


def kind_of(data: bytes) -> str | None:
    """Which of the two a file is, by its brands; None for neither."""
    if data[4:8] != b"ftyp":
        return None
    end = min(struct.unpack_from(">I", data)[0], len(data))
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))}
    return next((kind for kind, own in _BRANDS.items() if brands.intersection(own)), None)


@functools.cache
def is_read(kind: str) -> bool:
    """Whether its decoder is installed."""
    package, _, inner = _DECODERS[kind].partition(".")
    return find_spec(package) is not None and (not inner or find_spec(_DECODERS[kind]) is not None)


def read_heif(data: bytes, kind: str) -> Heif:
    """The facts of a file. Raises NotReadError without its decoder or where that would lose bits, ValueError for
    damage, TooLargeError before anything is decoded."""
    if not is_read(kind):
        raise NotReadError(f"{kind} is not read here: {EXTRA}")
    bits, colours = [8], set()
    for name, at, end in properties(data):
        if name == b"ispe":
            require_pixels(*struct.unpack_from(">II", data, at + _FULL_BOX))
        elif name == b"pixi":
            bits += data[at + _FULL_BOX + 1 : min(end, at + _FULL_BOX + 1 + data[at + _FULL_BOX])]
        elif name == b"av1C":
            deep, deeper = data[at + 2] >> 6 & 1, data[at + 2] >> 5 & 1
            bits.append(12 if deep and deeper else 10 if deep else 8)
        elif name == b"hvcC":
            bits.append(8 + (data[at + 17] & 7))
        elif name == b"colr" and data[at : at + 4] == b"nclx":
            colours.add(struct.unpack_from(">HH", data, at + 4))
    if kind == AVIF and max(bits) > 8:
        raise NotReadError(f"AVIF of {max(bits)} bits would be cut to 8; convert it to a PNG of 16 bits")
    if kind == AVIF:
        require_coded_sizes(data)
    only = colours.pop() if len(colours) == 1 else None
    return Heif(kind, max(bits), None if only == _UNTOLD else only)


def colour_chunks(facts: Heif) -> tuple[tuple[bytes, bytes], ...]:
    """The colours as PNG declares them."""
    if facts.cicp is None:
        return ()
    if facts.cicp == _SRGB:
        return ((b"sRGB", b"\0"),)
    return ((b"cICP", bytes([*(value & 255 for value in facts.cicp), 0, 1])),)


def open_heic(stream: BinaryIO) -> ImageFile.ImageFile:
    """The picture as Pillow shows one: upright, 8 bits."""
    from pillow_heif import HeifImageFile

    image: ImageFile.ImageFile = HeifImageFile(stream)
    return image


def deep_heic(data: bytes) -> NDArray[np.uint16]:
    """(H, W, C) uint16 of a picture of 10 or 12 bits, upright; its white becomes 65535."""
    from pillow_heif import open_heif

    found = open_heif(data, convert_hdr_to_8bit=False, hdr_to_16bit=False)
    top = (1 << int(found.info["bit_depth"])) - 1
    if found.premultiplied_alpha:
        raise NotReadError("more than 8 bits with premultiplied alpha are not read; convert it to PNG")
    samples = np.atleast_3d(np.asarray(found)).astype(np.uint32)
    return ((samples * 65535 + top // 2) // top).astype(np.uint16)


def beside(image: Image.Image) -> tuple[str, ...]:
    """What else is in the file, and is not kept."""
    if image.info.get("aux") or image.info.get("depth_images"):
        return ("the pictures beside the main one (gain map, depth)",)
    return ()
