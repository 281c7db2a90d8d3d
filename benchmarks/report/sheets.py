"""Pictures of one place, one above the other in one image: they are nearly equal, so that all take little more room
than the first. Lossless."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError, features

from dlgsanet.errors import InputError

_LARGEST = 1 << 20  # pixels of one picture; a crop has some ten thousand


@dataclass(frozen=True)
class Sheet:
    """`names` from the top down, each `width` x `height` pixels; `href` is a data URI, `key` unique on the page."""

    key: str
    width: int
    height: int
    names: tuple[str, ...]
    href: str


def make_sheet(key: str, box: tuple[int, int, int, int], pictures: Mapping[str, str]) -> Sheet:
    """Of pictures as result files hold them, base64 of PNG, each of the size of `box` (top, left, height, width).

    Raises InputError for one that cannot be read or has another size.
    """
    _, _, height, width = box
    rows = [_pixels(name, text, height, width) for name, text in pictures.items()]
    stream = io.BytesIO()
    whole = Image.fromarray(np.concatenate(rows))
    if features.check("webp"):
        kind = "webp"
        whole.save(stream, "WEBP", lossless=True, quality=100, method=6)
    else:
        kind = "png"
        whole.save(stream, "PNG", optimize=True)
    text = base64.b64encode(stream.getvalue()).decode("ascii")
    return Sheet(key, width, height, tuple(pictures), f"data:image/{kind};base64,{text}")


def _pixels(name: str, text: str, height: int, width: int) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(base64.b64decode(text)), formats=("PNG",)) as picture:
            if picture.size != (width, height) or width * height > _LARGEST:
                raise InputError(
                    f"expected a picture of {width}x{height} pixels for '{name[:40]}' in a result file, found "
                    f"{picture.width}x{picture.height}; measure again"
                )
            return np.asarray(picture.convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise InputError(f"the picture '{name[:40]}' in a result file cannot be read; measure again") from error
