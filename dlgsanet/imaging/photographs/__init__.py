"""The photographs that ship with the package, for when a user has given none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlgsanet.imaging.files import read_rgb8

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Photograph:
    """A crop that ships with the package; `source` and `licence` as FOLDER's README has them in full."""

    name: str
    source: str
    licence: str

    @property
    def path(self) -> Path:
        """The file."""
        return FOLDER / f"{self.name}.png"

    def read(self) -> NDArray[np.uint8]:
        """(H, W, 3); both sides are multiples of 12."""
        return read_rgb8(self.path)


PHOTOGRAPHS = (
    Photograph("astronaut", "NASA Great Images database (Eileen Collins), through scikit-image", "public domain"),
    Photograph("chelsea", "Stefan van der Walt (Chelsea the cat), through scikit-image", "CC0"),
)
