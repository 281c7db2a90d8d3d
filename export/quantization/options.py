"""What quantization is told: which pictures it learns from, and what it may cost. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from dlgsanet.errors import InputError

MAX_DROP_DB = 0.05
"""What an approximation may cost on its calibration images; the default gate of quantized precisions."""

CALIBRATION_TILES = 96

PAGES = 0.5
"""Share of the default tiles that are cut from drawn pages. A range is the mean over the tiles of each one's extremes,
so that it lies in the middle between what photographs and what pages need (docs/studies/precision.md has the
figures)."""


@dataclass(frozen=True)
class CalibrationOptions:
    """Where tiles come from (`folder` of HR images; empty: photographs of scikit-image and, for the share `pages`,
    drawn pages), how many, and the seed of the places."""

    folder: str = ""
    tiles: int = CALIBRATION_TILES
    seed: int = 0
    pages: float = PAGES

    def __post_init__(self) -> None:
        if self.tiles < 1:
            raise InputError(f"expected at least 1 calibration tile, found {self.tiles}: give more")
        if not 0 <= self.pages <= 1:
            raise InputError(f"expected a share of pages of 0 to 1, found {self.pages:g}: correct it")
