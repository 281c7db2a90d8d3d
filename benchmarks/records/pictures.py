"""Pictures in result files: crops of every source, and where an artifact is worst."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.records.identity import Identity

_MAGIC = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Crop:
    """One place of one image from every source: name (`HR`, `bicubic`, artifact ids) -> base64 of an 8-bit
    PNG.

    `box` is top, left, height, width in HR pixels.
    """

    image: str
    dataset: str
    model_sha256: str
    box: tuple[int, int, int, int]
    pictures: Mapping[str, str]

    def __post_init__(self) -> None:
        for name, text in self.pictures.items():
            _require_png(f"the crop {name[:40]!r}", text)


@dataclass(frozen=True)
class ErrorMap(Identity):
    """Where one artifact is worst in one image: `box` (top, left, height, width in HR pixels) of its output, of the
    reference's, and the largest error of the three colours, black at none, in the last colour from `full_scale` 8-bit
    levels on. The three are base64 of PNG."""

    artifact: str
    image: str
    dataset: str
    model_sha256: str
    box: tuple[int, int, int, int]
    to_reference_db: float | None
    drop_db: float
    full_scale: float
    picture: str
    reference: str
    error: str

    def __post_init__(self) -> None:
        for name in ("picture", "reference", "error"):
            _require_png(f"the {name} of an error map", getattr(self, name))


def png_text(pixels: NDArray[np.uint8], palette: NDArray[np.uint8] | None = None) -> str:
    """Base64 of a PNG: (H, W, 3) as RGB, or (H, W) as indices into a palette of 256 x 3."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if palette is not None:
        picture.putpalette(palette.tobytes())
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode("ascii")


def _require_png(what: str, text: str) -> None:
    """Raise ValueError for what is no base64 of a PNG; `what` names it."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"{what} is not base64") from error
    if not data.startswith(_MAGIC):
        raise ValueError(f"{what} is not a PNG")
