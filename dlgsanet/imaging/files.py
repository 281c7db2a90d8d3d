"""Pictures in and out of files: 8 and 16 bits, grey, palette, alpha, EXIF orientation.

Nothing is lost in silence: what cannot be kept (CMYK, several frames, more than 8 bits except in PNG and TIFF) is
refused.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import InputError
from dlgsanet.imaging.colour_space import Chunk, ColourSpace
from dlgsanet.imaging.decode import read_samples
from dlgsanet.imaging.encode import Looks, new_picture
from dlgsanet.imaging.formats import heif
from dlgsanet.imaging.metadata import NOTHING, Metadata
from dlgsanet.imaging.pixels import Pixels, quantise

SUFFIXES = (
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm",
    ".pbm", ".pnm", ".pfm",
)  # fmt: skip
"""Of the formats that are always read: what counts as a picture in a folder. The content says what it is."""

OTHER_SUFFIXES = (
    ".avifs", ".jxl", ".jp2", ".j2k", ".jpf", ".jpx", ".jpm", ".j2c", ".tga", ".ico",
    ".icns", ".cur", ".dib", ".psd", ".psb", ".xcf", ".kra", ".svg", ".eps", ".exr", ".hdr", ".dds", ".pcx", ".sgi",
    ".qoi", ".jxr", ".wdp", ".dng", ".raw", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw",
    ".fits", ".flif", ".bpg", ".wmf", ".emf",
)  # fmt: skip
"""Of pictures in formats that are never read."""

_NAMED = 8  # files spelt out
_OF_SYSTEMS = (
    "__MACOSX",
    "@eaDir",
    "#recycle",
    "$RECYCLE.BIN",
    "System Volume Information",
)  # thumbnails, deleted files


@dataclass(frozen=True)
class Picture:
    """A decoded picture, upright: `rgb` float32 HWC in [0, 1], `alpha` float32 HW in [0, 1] or None.

    `bits` (8 or 16) are those of the file, `grey` says that it had one colour channel (then R = G = B), `space` is
    what it declares about its colours, `about` what else it says; samples are as stored, not converted to another
    colour space.
    """

    rgb: NDArray[np.float32]
    alpha: NDArray[np.float32] | None
    bits: int
    grey: bool
    space: ColourSpace = field(default_factory=ColourSpace)
    about: Metadata = NOTHING

    @property
    def icc(self) -> bytes | None:
        """Its embedded colour profile."""
        return self.space.icc


def read_picture(path: str | Path) -> Picture:
    """Read a picture file. InputError: missing, empty, broken, not a picture, too large, unsupported."""
    samples = read_samples(Path(path))
    peak = np.float32(samples.peak)
    return Picture(
        rgb=samples.colour.astype(np.float32) / peak,
        alpha=None if samples.alpha is None else samples.alpha.astype(np.float32) / peak,
        bits=8 if samples.peak == 255 else 16,
        grey=samples.grey,
        space=samples.space,
        about=samples.about,
    )


def read_rgb8(path: str | Path) -> NDArray[np.uint8]:
    """Read a picture file as HWC uint8 RGB, upright; 16 bits are rounded to 8, as the name says.

    Raises InputError as `read_picture`, and for transparent pixels: they have no colour of their own.
    """
    samples = read_samples(Path(path))
    if samples.alpha is not None and samples.alpha.min() < samples.peak:
        raise InputError(f"expected an opaque picture, found transparent pixels in {path}; flatten it first")
    if samples.peak == 255:
        return samples.colour.astype(np.uint8, copy=False)
    return ((samples.colour.astype(np.uint32) + 128) // 257).astype(np.uint8)


def write_picture(
    path: str | Path,
    rgb: Pixels,
    alpha: Pixels | None = None,
    bits: int = 8,
    grey: bool = False,
    icc: bytes | None = None,
    chunks: Sequence[Chunk] = (),
    about: Metadata = NOTHING,
    quality: int | None = None,
) -> None:
    """Write a picture atomically; the suffix chooses the format, 16 bits need one of DEEP.

    `rgb` HWC (and `alpha` HW) are float in [0, 1] (clipped, rounded), or uint8 with bits=8, or uint16 with
    bits=16. `grey` writes one channel, the BT.601 luma. `chunks` declare colours, in a `.png` alone.
    `about` is written as it is. `quality`, 1 to 100, is that of JPEG and makes WebP lossy. Raises
    InputError: wrong shape, dtype or suffix, non-finite pixels, alpha or chunks in a format without them, a place that
    cannot be written.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise InputError(f"expected HWC pixels with 3 channels, found shape {rgb.shape}")
    height, width = rgb.shape[:2]
    samples = quantise(rgb, bits)
    if alpha is not None:
        if alpha.shape != (height, width):
            raise InputError(f"expected alpha of shape {(height, width)}, found {alpha.shape}")
        samples = np.concatenate([samples, quantise(alpha, bits)[..., None]], axis=2)
    looks = Looks(height, width, bits, grey, alpha is not None, icc, tuple(chunks), about, quality)
    with new_picture(Path(path), looks) as put:
        put(samples)


def list_images(folder: str | Path) -> list[Path]:
    """The picture files directly in a folder, sorted by name; hidden ones (AppleDouble's `._` too) are none.

    InputError if the folder is missing or has none.
    """
    place = Path(folder)
    if not place.is_dir():
        found = "a file" if place.exists() else "nothing"
        raise InputError(f"expected a folder of images at {place}, found {found}; check the path")
    images = images_in(place)
    if not images:
        found = passed_over_line(place) or "found none"
        raise InputError(f"expected images ({' '.join(suffixes_read())}) in {place}, {found}")
    return images


def passed_over(folder: str | Path) -> list[str]:
    """The names of a folder's files that have a picture's suffix and are not read."""
    return [path.name for path in _with_suffix(Path(folder), (*OTHER_SUFFIXES, *_installable()))]


def passed_over_line(folder: str | Path) -> str:
    """How many these are, and which; empty for none."""
    names = passed_over(folder)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    shown = ", ".join(names[:_NAMED])
    advice = f" ({heif.EXTRA})" if any(Path(name).suffix.lower() in _installable() for name in names) else ""
    return f"{folder}: {len(names)} in formats that are not read{advice}: {shown}{more}" if names else ""


def suffixes_read() -> tuple[str, ...]:
    """Of the formats that are read here."""
    return (*SUFFIXES, *(suffix for kind in heif.SUFFIXES if heif.is_read(kind) for suffix in heif.SUFFIXES[kind]))


def _installable() -> tuple[str, ...]:
    """Of the formats that an extra would read."""
    return tuple(suffix for kind in heif.SUFFIXES if not heif.is_read(kind) for suffix in heif.SUFFIXES[kind])


def folders_within(root: Path, without: Path | None = None) -> list[Path]:
    """A folder and all below it, sorted; hidden ones, links, those of systems, and `without` are left out."""
    avoided = None if without is None else without.resolve()
    found = []
    for place, inner, _ in os.walk(root):
        found.append(Path(place))
        below = [Path(place, name) for name in inner if name[0] != "." and name not in _OF_SYSTEMS]
        inner[:] = [path.name for path in below if not path.is_symlink() and path.resolve() != avoided]
    return sorted(found)


def images_in(folder: Path) -> list[Path]:
    """The picture files directly in a folder, as `list_images`; there may be none."""
    return _with_suffix(folder, suffixes_read())


def _with_suffix(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    if not folder.is_dir():
        return []
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"cannot read {folder}: {error.strerror or error}; check the path") from error
    return [path for path in inside if path.suffix.lower() in suffixes and path.name[0] != "." and path.is_file()]
