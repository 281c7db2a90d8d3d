"""Pictures into files, rows as they come: a PNG is written while they come, other formats when all are there."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dlgsanet.errors import InputError
from dlgsanet.imaging.colour_space import Chunk, png_chunks
from dlgsanet.imaging.formats.png_encoder import DEFAULT_COMPRESSION, PngEncoder
from dlgsanet.imaging.formats.tiff16 import tiff16_bytes
from dlgsanet.imaging.metadata import NOTHING, Metadata
from dlgsanet.imaging.pixels import Pixels
from dlgsanet.storage import atomic

Put = Callable[[Pixels], None]

_WRITERS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", {"lossless": True, "exact": True}),
    ".bmp": ("BMP", {}),
    ".tif": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ".tiff": ("TIFF", {"compression": "tiff_adobe_deflate"}),
}
DEEP = (".png", ".tif", ".tiff")
"""Suffixes of the formats that hold 16 bits."""

_ALPHA_SUFFIXES = frozenset({".png", ".webp", ".tif", ".tiff"})
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601, full range


@dataclass(frozen=True)
class Looks:
    """What a picture's file holds: its size in pixels and bits; `grey` writes one channel, the BT.601 luma. `chunks`
    declare colours, in a PNG alone; `about` is written as it is. `quality`, 1 to 100, is that of JPEG and makes WebP
    lossy; `compression`, 0 to 9, is that of PNG: the more, the smaller and slower."""

    height: int
    width: int
    bits: int = 8
    grey: bool = False
    alpha: bool = False
    icc: bytes | None = None
    chunks: tuple[Chunk, ...] = ()
    about: Metadata = NOTHING
    quality: int | None = None
    compression: int = DEFAULT_COMPRESSION

    @property
    def channels(self) -> int:
        """In the file."""
        return (1 if self.grey else 3) + self.alpha


@contextmanager
def new_picture(path: Path, looks: Looks) -> Iterator[Put]:
    """Give what takes the rows of a picture, top to bottom: HWC, uint8 or uint16 as the bits, R, G, B and alpha if it
    has any. The file appears, whole, when the block succeeds (as `new_file`); the suffix chooses its format.

    Raises InputError: 16 bits, alpha or chunks in a format without them, a place that cannot be written; ValueError for
    rows that are too many or too few.
    """
    _require_writable(path, looks)
    with atomic.new_file(path) as temporary:
        if path.suffix.lower() == ".png":
            with temporary.open("wb") as stream:
                encoder = _png_encoder(stream.write, looks)
                yield lambda rows: encoder.rows(_laid_out(rows, looks))
                encoder.end()
            return
        depth = np.uint8 if looks.bits == 8 else np.uint16
        whole, at = np.empty((looks.height, looks.width, looks.channels), depth), 0

        def put(rows: Pixels) -> None:
            nonlocal at
            whole[at : at + len(rows)] = _laid_out(rows, looks)
            at += len(rows)

        yield put
        if at != looks.height:
            raise ValueError(f"expected {looks.height} rows, found {at}")
        temporary.write_bytes(_encoded(whole, path, looks))


def _require_writable(target: Path, looks: Looks) -> None:
    """Refuse what the format of the suffix cannot hold."""
    suffix, bits = target.suffix.lower(), looks.bits
    if suffix not in _WRITERS:
        raise InputError(f"cannot write {target}: expected one of {' '.join(_WRITERS)}, found {suffix!r}")
    if bits not in (8, 16) or (bits == 16 and suffix not in DEEP):
        raise InputError(f"cannot write {target} with {bits} bits: expected 8, or 16 in {' '.join(DEEP)}")
    if looks.alpha and suffix not in _ALPHA_SUFFIXES:
        raise InputError(f"cannot write {target}: {suffix} keeps no transparency; use .png")
    if looks.chunks and suffix != ".png":
        raise InputError(f"cannot write {target}: {suffix} keeps no PNG chunks; use .png")


def _png_encoder(write: Callable[[bytes], object], looks: Looks) -> PngEncoder:
    chunks = png_chunks((*looks.chunks, *looks.about.png_chunks()))
    size = looks.height, looks.width, looks.channels, looks.bits
    return PngEncoder(write, *size, chunks, looks.icc, looks.compression)


def _laid_out(rows: Pixels, looks: Looks) -> Pixels:
    """The channels of the file."""
    if not looks.grey:
        return rows
    red, green, blue = (rows[..., i].astype(np.float32) * _LUMA[i] for i in range(3))
    luma: Pixels = np.rint(red + green + blue)[..., None].astype(rows.dtype)
    return np.concatenate([luma, rows[..., 3:]], axis=2)


def _encoded(samples: NDArray[np.uint8 | np.uint16], target: Path, looks: Looks) -> bytes:
    form, fixed = _WRITERS[target.suffix.lower()]
    options = {**fixed, **looks.about.options(form)}
    if looks.quality is not None and form in ("JPEG", "WEBP"):
        options |= {"quality": looks.quality, "lossless": False}
    pixels = samples[..., 0] if samples.shape[2] == 1 else samples
    encoded = io.BytesIO()  # not the file: Pillow reports a full disk only as an encoder error
    try:
        if looks.bits == 16:
            return tiff16_bytes(
                samples.astype(np.uint16, copy=False), looks.icc, looks.about.tiff_tags(), looks.about.dpi
            )
        Image.fromarray(pixels).save(encoded, form, icc_profile=looks.icc, **options)
    except (OSError, ValueError) as error:  # larger than the format allows
        raise InputError(
            f"cannot write {target} of {looks.width}x{looks.height} as {form}: {error}; use .png"
        ) from error
    return encoded.getvalue()
