"""How much of the reference's contrast and colour is left: the error's share that follows the reference.

Rounding follows nothing, so its share is next to zero; a gain of 0.99, or a colour that is blurred, has its own sign.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
CHROMA = np.array([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
"""BT.601: Y, then Cb and Cr, of R, G, B."""

_FAINT = 0.25  # square of levels; a reference with less variance than this has no contrast to lose


class Gains(TypedDict):
    """Gains less 1; see `Likeness`."""

    contrast: float | None
    saturation: float | None
    detail: float | None
    colour_detail: float | None


@dataclass
class _Share:
    product: float = 0.0
    square: float = 0.0
    count: int = 0

    def add(self, error: Plane, reference: Plane) -> None:
        self.product += float(np.vdot(error, reference))
        self.square += float(np.vdot(reference, reference))
        self.count += reference.size

    def value(self) -> float | None:
        return self.product / self.square if self.square > _FAINT * max(self.count, 1) else None


@dataclass
class ContrastSums:
    """Sums over images of error times reference and of reference squared, of luma and chroma."""

    _contrast: _Share = field(default_factory=_Share)
    _saturation: _Share = field(default_factory=_Share)
    _detail: _Share = field(default_factory=_Share)
    _colour_detail: _Share = field(default_factory=_Share)

    def add(self, error: Plane, reference: Plane) -> float:
        """One image, both 3 x H x W in levels; returns the root mean square error of Cb and Cr."""
        luma, luma_error = np.tensordot(LUMA, reference, 1), np.tensordot(LUMA, error, 1)
        self._contrast.add(luma_error, luma - luma.mean())
        self._detail.add(np.diff(luma_error), np.diff(luma))
        chroma, chroma_error = np.tensordot(CHROMA, reference, 1), np.tensordot(CHROMA, error, 1)
        self._saturation.add(chroma_error, chroma - chroma.mean((1, 2), keepdims=True))
        self._colour_detail.add(np.diff(chroma_error), np.diff(chroma))
        return float(np.sqrt(np.mean(chroma_error * chroma_error)))

    def gains(self) -> Gains:
        """Of all images so far; None where the references have next to no contrast."""
        return Gains(
            contrast=self._contrast.value(),
            saturation=self._saturation.value(),
            detail=self._detail.value(),
            colour_detail=self._colour_detail.value(),
        )
