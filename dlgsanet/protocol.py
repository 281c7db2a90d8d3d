"""What a PSNR was measured under: without it two numbers cannot be compared."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from dlgsanet import metrics
from dlgsanet.errors import InputError

_HASH_DIGITS = 8
_PARTS = ("scale", "colour", "border", "rounding", "LR source", "tiling", "data set")


@dataclass(frozen=True)
class Protocol:
    """Everything that moves a PSNR without the network moving.

    `border` is in HR pixels; `rounded` says 8 bits before measuring; `lr_source` names how the LR came to be,
    e.g. `bicubic-matlab8`; `tile` (H, W) and `overlap` are in LR pixels, None for the whole image at once;
    `dataset_sha256` covers the image files. Raises InputError where a field is not of that kind.
    """

    scale: int
    colour: metrics.Colour
    border: int
    rounded: bool
    lr_source: str
    tile: tuple[int, int] | None
    overlap: int | None
    dataset_sha256: str

    def __post_init__(self) -> None:
        if self.scale < 1 or self.border < 0:
            raise InputError(f"expected scale >= 1 and border >= 0, found {self.scale} and {self.border}")
        if self.colour not in metrics.COLOURS:
            raise InputError(f"expected a colour of {' '.join(metrics.COLOURS)}, found {self.colour!r}")
        if not re.fullmatch(r"[a-z0-9-]+", self.lr_source):
            raise InputError(f"expected an LR source of letters, digits and dashes, found {self.lr_source!r}")
        if (self.tile is None) != (self.overlap is None):
            raise InputError(f"expected tile and overlap together, found {self.tile} and {self.overlap}")
        if not re.fullmatch(r"[0-9a-f]{64}", self.dataset_sha256):
            raise InputError(f"expected the data set's SHA-256, found {self.dataset_sha256!r}")

    @property
    def id(self) -> str:
        """Readable and stable, e.g. `x4/y/b4/r8/bicubic-matlab8/t128x128+16/ab12cd34`."""
        rounding = "r8" if self.rounded else "float"
        tiling = "whole" if self.tile is None else f"t{self.tile[0]}x{self.tile[1]}+{self.overlap}"
        data = self.dataset_sha256[:_HASH_DIGITS]
        return f"x{self.scale}/{self.colour}/b{self.border}/{rounding}/{self.lr_source}/{tiling}/{data}"

    def psnr(self, sr: NDArray[Any], hr: NDArray[Any]) -> float:
        """`metrics.psnr` under this protocol."""
        return metrics.psnr(sr, hr, border=self.border, colour=self.colour, rounded=self.rounded)

    def ssim(self, sr: NDArray[Any], hr: NDArray[Any]) -> float:
        """`metrics.ssim` under this protocol."""
        return metrics.ssim(sr, hr, border=self.border, colour=self.colour, rounded=self.rounded)


def require_same(a_id: str, b_id: str) -> None:
    """Raises InputError, naming what differs, unless both numbers were measured under one protocol."""
    if a_id == b_id:
        return
    a, b = a_id.split("/"), b_id.split("/")
    if len(a) == len(b) == len(_PARTS):
        differing = ", ".join(f"{n} {x} / {y}" for n, x, y in zip(_PARTS, a, b, strict=True) if x != y)
    else:
        differing = f"{a_id!r} / {b_id!r}"
    raise InputError(f"expected numbers of one protocol, found {differing}; measure both under the same one")
