"""What quantization is told: which pictures it learns from, and what it may cost. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from dlgsanet.errors import InputError

MAX_DROP_DB = 0.05
"""What an approximation may cost on its calibration images; the default gate of quantized precisions."""

CALIBRATION_TILES = 96


@dataclass(frozen=True)
class CalibrationOptions:
    """Where tiles come from (`folder` of HR images; empty: photographs of scikit-image), how many, and the seed of
    the places."""

    folder: str = ""
    tiles: int = CALIBRATION_TILES
    seed: int = 0

    def __post_init__(self) -> None:
        if self.tiles < 1:
            raise InputError(f"expected at least 1 calibration tile, found {self.tiles}: give more")
