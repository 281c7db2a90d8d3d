"""Sixteen-bit TIFF without loss: Pillow keeps only the high byte of every colour sample, and writes grey alone.

Reading leaves unpacking to Pillow, but asks it twice, the second time for the other byte order: then it keeps the low
bytes. Writing is a directory of tags by Pillow, and strips of differences that are deflated.
"""

from __future__ import annotations

import io
import sys
import zlib
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, TiffImagePlugin, TiffTags

from dlgsanet.imaging.formats.refusal import NotReadError
from dlgsanet.imaging.formats.tiff import Tiff

_GREY_MODES = ("I;16", "I;16B")
_COLOUR_MODES = ("RGB", "RGBX", "RGBA")
_SWAPPED = {"L": "B", "B": "L"}
_NATIVE = {"little": "L", "big": "B"}[sys.byteorder]
_STRIP_ROWS = 64
_BY_DIFFERENCE, _DEFLATE, _LONGEST = 2, 8, 2**32 - 1
_INCH, _OPACITY = 2, 2
_STRIPS, _ICC = 273, 34675


def is_tiff16(image: Image.Image, facts: Tiff) -> bool:
    """Whether it is one whose samples can be had whole. Raises NotReadError for layouts that cannot."""
    if facts.bits != 16 or facts.kind != "unsigned" or image.mode not in (*_GREY_MODES, *_COLOUR_MODES):
        return False
    if facts.planes:
        raise NotReadError("16 bits in separate planes are not read; convert it to PNG")
    if facts.premultiplied:
        raise NotReadError("16 bits with premultiplied alpha are not read; convert it to PNG")
    return True


def read_tiff16(image: ImageFile.ImageFile, stream: BinaryIO, facts: Tiff) -> NDArray[np.uint16]:
    """(H, W, C) uint16 of an open picture and its file, C = 1, 3 or 4; turned as Pillow turns TIFFs.

    Raises what Pillow raises on a broken file.
    """
    high = np.asarray(image)
    if image.mode in _GREY_MODES:
        grey = high.astype(np.uint16)[..., None]
        return 65535 - grey if facts.inverted else grey
    stream.seek(0)
    with TiffImagePlugin.TiffImageFile(stream) as again:
        again.tile = [_low_tile(tile) for tile in again.tile]
        again.load()
        low = np.asarray(again)
    channels = 3 if image.mode == "RGBX" else high.shape[2]
    whole: NDArray[np.uint16] = np.left_shift(high, 8, dtype=np.uint16) | low
    return whole[..., :channels]


def _low_tile(tile: Any) -> Any:
    """The same part of a file by the raw mode that gives low bytes; N is the machine's order."""
    raw_mode, *others = tile[3]
    order = raw_mode[-1].replace("N", _NATIVE)
    changed = (*tile[:3], (raw_mode[:-1] + _SWAPPED[order], *others))
    return tile._make(changed) if hasattr(tile, "_make") else changed  # a named tuple only since Pillow 11


def tiff16_bytes(
    samples: NDArray[np.uint16], icc: bytes | None, tags: Image.Exif, dpi: tuple[float, float] | None
) -> bytes:
    """A TIFF file of HWC uint16 (C = 1, 3, or one more with alpha). `tags` go into its directory as they are.

    Raises ValueError beyond 4 GiB.
    """
    height, width, channels = samples.shape
    strips = [_strip(samples[top : top + _STRIP_ROWS]) for top in range(0, height, _STRIP_ROWS)]
    sizes = [len(strip) for strip in strips]
    if sum(sizes) > _LONGEST - (1 << 20):
        raise ValueError("TIFF holds 4 GiB")
    directory = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    for tag in tags:
        directory[tag] = tags.get_ifd(tag) if tag in TiffTags.TAGS_V2_GROUPS else tags[tag]
    directory.tagtype[_STRIPS] = TiffTags.LONG
    layout = {
        256: width, 257: height, 258: (16,) * channels, 259: _DEFLATE, 262: 1 if channels < 3 else 2,
        _STRIPS: tuple(sum(sizes[:place]) for place in range(len(sizes))),  # the directory adds its own length
        277: channels, 278: _STRIP_ROWS, 279: tuple(sizes), 284: 1, 317: _BY_DIFFERENCE,
    }  # fmt: skip
    layout |= {338: _OPACITY} if channels in (2, 4) else {}
    layout |= {_ICC: icc} if icc else {}
    layout |= {282: dpi[0], 283: dpi[1], 296: _INCH} if dpi else {}
    for tag, value in layout.items():
        directory[tag] = value
    out = io.BytesIO()
    directory.save(out)
    return b"".join([out.getvalue(), *strips])


def _strip(rows: NDArray[np.uint16]) -> bytes:
    packed = rows.astype("<u2")
    packed[:, 1:] -= rows[:, :-1]
    return zlib.compress(packed.data)
