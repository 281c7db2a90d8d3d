"""From a picture file to samples: what is missing, broken, too large or would lose something is refused."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from dlgsanet.errors import InputError
from dlgsanet.imaging.pixels import Pixels
from dlgsanet.imaging.png16 import is_png16, read_png16

# A small file can announce a huge picture (a decompression bomb). The largest cameras make 150 MP.
MAX_PIXELS = 150_000_000

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "GIF")

# What Pillow's decoders raise on broken files.
_DECODE_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, OverflowError, EOFError,
    struct.error, zlib.error,
)  # fmt: skip
_ORIENTATION_TAG = 0x0112
_COLOUR_MODES = {"RGB": "RGB", "RGBX": "RGB", "RGBA": "RGBA", "RGBa": "RGBA", "P": "RGB", "PA": "RGBA"}
_GREY_MODES = {"1": "L", "L": "L", "LA": "LA", "La": "LA"}
_WITH_ALPHA = {"L": "LA", "RGB": "RGBA"}


@dataclass(frozen=True)
class Samples:
    """An upright picture: `colour` HWC with C = 3 and `alpha` HW or None, both uint8 or both uint16."""

    colour: Pixels
    alpha: Pixels | None
    grey: bool
    icc: bytes | None

    @property
    def peak(self) -> int:
        """The value of white and of full opacity."""
        return 255 if self.colour.dtype == np.uint8 else 65535


def read_samples(path: Path) -> Samples:
    """Decode a picture file. InputError: missing, empty, broken, not a picture, too large, unsupported."""
    try:
        with path.open("rb") as stream:
            if not stream.read(1):
                raise InputError(f"expected a picture in {path}, found an empty file; get it again")
            stream.seek(0)
            with _explained(path):
                return _decode(stream, path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; check the path") from error


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except UnidentifiedImageError as error:
        raise InputError(f"expected {' '.join(FORMATS)}, found something else or damaged: {path}") from error
    except Image.DecompressionBombError as error:
        raise _too_large(path, "far more") from error
    except _DECODE_ERRORS as error:
        raise InputError(f"cannot decode {path}: truncated or damaged ({error}); get it again") from error


def _too_large(path: Path, found: str) -> InputError:
    limit = MAX_PIXELS // 10**6
    return InputError(f"expected at most {limit} MP (MAX_PIXELS), found {found} in {path}; cut it into parts")


def _decode(stream: BinaryIO, path: Path) -> Samples:
    deep_png = is_png16(stream)
    image = Image.open(stream, formats=FORMATS)
    assert isinstance(image, ImageFile.ImageFile)
    with image:
        if image.width * image.height > MAX_PIXELS:
            raise _too_large(path, f"{image.width}x{image.height}")
        _refuse_several_frames(image, path)
        if deep_png:
            pixels: Pixels = _png16_pixels(image, stream)
        else:
            _refuse_lossy(image, path)
            pixels = _pixels(image)
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)  # after decoding: Pillow turns TIFFs by itself
        icc = image.info.get("icc_profile")
    pixels = _upright(pixels, orientation)
    channels = pixels.shape[2]
    colour, alpha = (pixels[..., :-1], pixels[..., -1]) if channels in (2, 4) else (pixels, None)
    if channels <= 2:
        colour = np.repeat(colour, 3, axis=2)
    return Samples(np.ascontiguousarray(colour), alpha, channels <= 2, icc)


def _refuse_several_frames(image: ImageFile.ImageFile, path: Path) -> None:
    frames = getattr(image, "n_frames", 1)
    # A telephone's MPO holds a preview or a gain map behind the photograph, not frames.
    if frames > 1 and image.format != "MPO":
        raise InputError(f"expected one picture, found {frames} frames in {path}; extract the one you mean")


def _refuse_lossy(image: ImageFile.ImageFile, path: Path) -> None:
    """Refuse what Pillow would cut to 8 bits or convert to RGB by a rule of thumb (CMYK, Lab)."""
    deep = any(_is_deep(tile[0], tile[3]) for tile in image.tile)
    if deep or image.mode not in {**_COLOUR_MODES, **_GREY_MODES}:
        found = f"{image.format} of mode {image.mode}{' with more than 8 bits' if deep else ''}"
        raise InputError(f"expected 8-bit RGB or grey, or PNG, found {found} in {path}; convert it to PNG")


def _is_deep(decoder: str, arguments: Any) -> bool:
    """Whether Pillow's decoder arguments speak of more than 8 bits per sample."""
    if decoder in ("ppm", "ppm_plain"):
        return isinstance(arguments, tuple) and arguments[-1] > 255  # (raw mode, largest value)
    raw_mode = arguments if isinstance(arguments, str) else arguments[0] if arguments else ""
    return ";16" in str(raw_mode)


def _pixels(image: ImageFile.ImageFile) -> NDArray[np.uint8]:
    """(H, W, C) of 8 bits: C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA."""
    image.load()
    mode = {**_COLOUR_MODES, **_GREY_MODES}[image.mode]
    if "transparency" in image.info:  # a colour key, or a palette with alpha
        mode = _WITH_ALPHA.get(mode, mode)
    return np.atleast_3d(np.array(image.convert(mode)))


def _png16_pixels(image: ImageFile.ImageFile, stream: BinaryIO) -> NDArray[np.uint16]:
    """(H, W, C) of 16 bits, C as for `_pixels`; a colour key becomes alpha."""
    samples = read_png16(stream)
    key = image.info.get("transparency")
    if key is None or samples.shape[2] not in (1, 3):
        return samples
    opaque = (samples != np.asarray(key, np.uint16)).any(axis=2, keepdims=True)
    return np.concatenate([samples, opaque * np.uint16(65535)], axis=2)


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo the EXIF orientation, 1 to 8; other values mean 1 (EXIF 2.3, tag 0x0112)."""
    if orientation not in range(2, 9):
        return pixels
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    flip_rows, flip_columns = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    return pixels[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
