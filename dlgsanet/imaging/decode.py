"""From a picture file to samples: what is missing, broken, too large or would lose something is refused."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from dlgsanet.errors import InputError
from dlgsanet.imaging.colour_space import Chunk, ColourSpace, declared_by
from dlgsanet.imaging.formats import headers, heif, jpeg, png, tiff
from dlgsanet.imaging.formats.heif import Heif
from dlgsanet.imaging.formats.jpeg import Jpeg
from dlgsanet.imaging.formats.libtiff_voice import silenced
from dlgsanet.imaging.formats.png import Png
from dlgsanet.imaging.formats.png16 import read_png16
from dlgsanet.imaging.formats.refusal import NotReadError
from dlgsanet.imaging.formats.tiff import Tiff
from dlgsanet.imaging.formats.tiff16 import is_tiff16, read_tiff16
from dlgsanet.imaging.limits import TooLargeError, bound_text, require_file_bytes, require_pixels
from dlgsanet.imaging.metadata import NOTHING, Metadata, described_by
from dlgsanet.imaging.pixels import Pixels

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "GIF")
"""Those that every Pillow reads."""

# What Pillow's decoders and libheif raise on broken files.
_DECODE_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, OverflowError, EOFError, AssertionError,
    ZeroDivisionError, struct.error, zlib.error, RuntimeError,
)  # fmt: skip
_ORIENTATION_TAG = 0x0112
_COLOUR_MODES = {"RGB": "RGB", "RGBX": "RGB", "RGBA": "RGBA", "RGBa": "RGBA", "P": "RGB", "PA": "RGBA"}
_GREY_MODES = {"1": "L", "L": "L", "LA": "LA", "La": "LA"}
_WITH_ALPHA = {"L": "LA", "RGB": "RGBA"}
_Facts: TypeAlias = Png | Jpeg | Tiff | Heif | None


@dataclass(frozen=True)
class Samples:
    """An upright picture: `colour` HWC with C = 3 and `alpha` HW or None, both uint8 or both uint16."""

    colour: Pixels
    alpha: Pixels | None
    grey: bool
    space: ColourSpace
    about: Metadata = NOTHING

    @property
    def peak(self) -> int:
        """The value of white and of full opacity."""
        return 255 if self.colour.dtype == np.uint8 else 65535


@dataclass(frozen=True)
class Announced:
    """What the file of a picture says of it before anything is decoded: its size, upright, and bits a sample."""

    height: int
    width: int
    bits: int


def read_announced(path: Path) -> Announced:
    """Look into a picture file without decoding it. InputError as `read_samples`, but for damage of pixels."""
    data = _file_bytes(path)
    with _explained(path):
        facts = _inspect(data, whole=False)
        seen = png.without_pixels(data) if isinstance(facts, Png) else data  # EXIF may stand behind the pixels
        with _open(io.BytesIO(seen), facts) as image:
            require_pixels(image.width, image.height)
            _refuse_several_frames(image, path)
            bits = _bits(image, facts, path)
            orientation = Image.Image.getexif(image).get(_ORIENTATION_TAG, 1)  # a PNG's own decodes it
            width, height = image.size if facts is None or isinstance(facts, Heif) else (facts.width, facts.height)
    if _lies(orientation):
        width, height = height, width
    return Announced(height, width, bits)


def read_samples(path: Path) -> Samples:
    """Decode a picture file. InputError: missing, empty, broken, not a picture, too large, unsupported."""
    data = _file_bytes(path)
    with _explained(path):
        facts = _inspect(data, whole=True)
        with _silence(facts):
            return _decode(data, facts, path)


def _file_bytes(path: Path) -> bytes:
    if path.exists() and not path.is_file() and not path.is_dir():
        raise InputError(f"cannot read {path}: expected a file, found a device or pipe; check the path")
    try:
        with path.open("rb") as stream, _explained(path):
            require_file_bytes(os.fstat(stream.fileno()).st_size)
            data = stream.read()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; check the path") from error
    if not data:
        raise InputError(f"expected a picture in {path}, found an empty file; get it again")
    return data


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except UnidentifiedImageError as error:
        known = " ".join((*FORMATS, heif.AVIF, heif.HEIC))
        raise InputError(f"expected {known}, found something else or damaged: {path}") from error
    except TooLargeError as error:
        raise _too_large(path, str(error)) from error
    except Image.DecompressionBombError as error:
        raise _too_large(path, str(error).partition(" exceeds")[0]) from error
    except NotReadError as error:
        raise InputError(f"cannot read {path}: {error}") from error
    except _DECODE_ERRORS as error:
        raise InputError(f"cannot decode {path}: truncated or damaged ({error}); get it again") from error


def _too_large(path: Path, found: str) -> InputError:
    return InputError(
        f"expected at most {bound_text()} (--max-megapixels), found {found} in {path}; allow more or cut it into parts"
    )


def _inspect(data: bytes, whole: bool) -> _Facts:
    """What the header says, with all that can be told before decoding refused: too large, damaged, cut. `whole` also
    unpacks what must be unpacked to see whether all pixels are there."""
    if data.startswith(png.SIGNATURE):
        return png.read_png(data, whole)
    if data.startswith(jpeg.SIGNATURE):
        return jpeg.read_jpeg(data)
    if data.startswith(tiff.SIGNATURES):
        return tiff.read_tiff(data, whole)
    if (kind := heif.kind_of(data)) is not None:
        return heif.read_heif(data, kind)
    if headers.is_webp(data):
        headers.require_webp(data)
    elif data.startswith(headers.BMP_SIGNATURE):
        headers.require_bmp(data)
    elif data.startswith(headers.NETPBM_SIGNATURES):
        headers.require_netpbm(data)
    elif data.startswith(headers.GIF_SIGNATURES) and whole:
        headers.require_gif(data)
    return None


def _silence(facts: _Facts) -> AbstractContextManager[None]:
    return silenced() if isinstance(facts, Tiff) and facts.compression != 1 else nullcontext()


def _decode(data: bytes, facts: _Facts, path: Path) -> Samples:
    stream = io.BytesIO(data)
    with _open(stream, facts) as image:
        require_pixels(image.width, image.height)
        _refuse_several_frames(image, path)
        pixels = _whole_pixels(image, facts, stream, path)
        if isinstance(facts, Jpeg):
            jpeg.require_whole_scans(data, facts, np.asarray(image))
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)  # after decoding: Pillow turns TIFFs by itself
        space = declared_by(image, data, _declared(image, facts))
        about, lost = described_by(image)
        lost += heif.beside(image)
    pixels = _upright(pixels, orientation)
    channels = pixels.shape[2]
    colour, alpha = (pixels[..., :-1], pixels[..., -1]) if channels in (2, 4) else (pixels, None)
    if channels <= 2:
        colour = np.repeat(colour, 3, axis=2)
    space = replace(space, dropped=(*space.dropped, *lost))
    return Samples(np.ascontiguousarray(colour), alpha, channels <= 2, space, about)


def _declared(image: Image.Image, facts: _Facts) -> Iterable[Chunk]:
    """What the file states of its colours beside profile and EXIF; in HEIF a profile outranks it."""
    if isinstance(facts, Heif):
        return () if image.info.get("icc_profile") else heif.colour_chunks(facts)
    return facts.declared if isinstance(facts, Png) else ()


def _whole_pixels(image: ImageFile.ImageFile, facts: _Facts, stream: io.BytesIO, path: Path) -> Pixels:
    """(H, W, C) of the file's own depth. Raises InputError and NotReadError for what would be cut."""
    if isinstance(facts, Png):
        return _png_pixels(image, facts, stream)
    deep = _bits(image, facts, path) == 16
    if image.format == "PPM":
        _require_ppm_values(image, stream.getvalue())
    if deep and isinstance(facts, Tiff):
        return read_tiff16(image, stream, facts)
    return heif.deep_heic(stream.getvalue()) if deep else _pixels(image)


def _bits(image: ImageFile.ImageFile, facts: _Facts, path: Path) -> int:
    """Of a sample when it is read, 8 or 16. Raises InputError and NotReadError for what would be cut."""
    if isinstance(facts, Png):
        return 16 if facts.depth == 16 else 8
    if isinstance(facts, Heif):
        return 16 if facts.bits > 8 else 8
    if isinstance(facts, Tiff) and is_tiff16(image, facts):
        return 16
    _refuse_lossy(image, facts, path)
    return 8


def _open(stream: BinaryIO, facts: _Facts) -> ImageFile.ImageFile:
    if isinstance(facts, Heif) and facts.kind == heif.HEIC:
        return heif.open_heic(stream)
    try:
        image = Image.open(stream, formats=(heif.AVIF,) if isinstance(facts, Heif) else FORMATS)
    except UnidentifiedImageError as error:
        if not isinstance(facts, Tiff):
            raise
        found = f"a TIFF of {facts.bits} bits, {facts.kind}, in a layout"
        raise NotReadError(f"{found} that is not read; convert it to PNG") from error
    assert isinstance(image, ImageFile.ImageFile)
    return image


def _refuse_several_frames(image: ImageFile.ImageFile, path: Path) -> None:
    frames = getattr(image, "n_frames", 1)
    # A telephone's MPO holds a preview or a gain map behind the photograph, not frames.
    if frames > 1 and image.format != "MPO":
        raise InputError(f"expected one picture, found {frames} frames in {path}; extract the one you mean")


def _refuse_lossy(image: ImageFile.ImageFile, facts: _Facts, path: Path) -> None:
    """Refuse what Pillow would cut to 8 bits or convert to RGB by a rule of thumb (CMYK, Lab)."""
    odd = ""
    if isinstance(facts, Tiff) and facts.kind != "unsigned":
        odd = f" with {facts.kind} samples"
    if (isinstance(facts, Tiff) and facts.bits > 8) or (image.format == "PPM" and _is_deep_ppm(image)):
        odd = " with more than 8 bits"
    if odd or image.mode not in {**_COLOUR_MODES, **_GREY_MODES}:
        found = f"{image.format} of mode {image.mode}{odd}"
        raise InputError(f"expected 8-bit RGB or grey, PNG or TIFF, found {found} in {path}; convert it to PNG")


def _is_deep_ppm(image: ImageFile.ImageFile) -> bool:
    """Whether the largest value that the header names is beyond 8 bits; Pillow keeps it for its decoder alone."""
    decoder, arguments = image.tile[0][0], image.tile[0][3]
    return decoder in ("ppm", "ppm_plain") and isinstance(arguments, tuple) and arguments[-1] > 255


def _require_ppm_values(image: ImageFile.ImageFile, data: bytes) -> None:
    """Refuse samples beyond the largest value that the header names: Pillow cuts them to white. ValueError."""
    decoder, _, start, arguments = image.tile[0][:4]
    if decoder == "ppm" and isinstance(arguments, tuple):  # other decoders look themselves, or all bytes are values
        samples = np.frombuffer(data, np.uint8, offset=start)
        if samples[: image.width * image.height * len(image.getbands())].max(initial=0) > arguments[-1]:
            raise ValueError("a value beyond the largest that its header names")


def _pixels(image: ImageFile.ImageFile) -> NDArray[np.uint8]:
    """(H, W, C) of 8 bits: C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA."""
    image.load()
    mode = {**_COLOUR_MODES, **_GREY_MODES}[image.mode]
    if image.mode == "P" and int(np.asarray(image).max()) >= len(image.getpalette() or []) // 3:
        raise ValueError("pixels beyond the palette's end")
    if "transparency" in image.info:  # a colour key, or a palette with alpha
        mode = _WITH_ALPHA.get(mode, mode)
    return np.atleast_3d(np.array(image.convert(mode)))


def _png_pixels(image: ImageFile.ImageFile, facts: Png, stream: BinaryIO) -> Pixels:
    """(H, W, C) of the file's own depth, C as for `_pixels`; a colour key becomes alpha."""
    if facts.key is None:
        return read_png16(stream) if facts.depth == 16 else _pixels(image)
    image.info.pop("transparency", None)  # Pillow compares the key of 1, 2 and 4 bits with samples of 8
    samples: Pixels = read_png16(stream) if facts.depth == 16 else _pixels(image)
    top = 1 << facts.depth
    peak = 255 if samples.dtype == np.uint8 else 65535
    key = np.array([value % top * peak // (top - 1) for value in facts.key], samples.dtype)
    opaque = (samples != key).any(axis=2, keepdims=True)
    return np.concatenate([samples, opaque * samples.dtype.type(peak)], axis=2)


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo the EXIF orientation, 1 to 8; other values mean 1 (EXIF 2.3, tag 0x0112)."""
    if orientation not in range(2, 9):
        return pixels
    if _lies(orientation):
        pixels = pixels.transpose(1, 0, 2)
    flip_rows, flip_columns = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    return pixels[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]


def _lies(orientation: int) -> bool:
    """Whether rows of the file are columns of the upright picture."""
    return 5 <= orientation <= 8
