"""Small pictures as text in result files: base64 of a PNG."""

from __future__ import annotations

import base64
import binascii
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_MAGIC = b"\x89PNG\r\n\x1a\n"


def encode(pixels: NDArray[np.uint8], palette: NDArray[np.uint8] | None = None) -> str:
    """(H, W, 3) as RGB, or (H, W) as indices into a palette of 256 x 3."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if palette is not None:
        picture.putpalette(palette.tobytes())
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode("ascii")


def require(what: str, text: str) -> None:
    """Raise ValueError for what is no base64 of a PNG; `what` names it."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"{what} is not base64") from error
    if not data.startswith(_MAGIC):
        raise ValueError(f"{what} is not a PNG")
