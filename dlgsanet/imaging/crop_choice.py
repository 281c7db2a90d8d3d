"""Where a picture has most to show: the one choice of crops for cards and reports."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
"""Top, left, height, width in pixels."""


def liveliest_box(img: NDArray[np.uint8], side: int, step: int) -> Box:
    """The crop of an HWC picture with the strongest mean gradient.

    At most `side` pixels high and wide; all four numbers are multiples of `step`, so a crop can start on an LR
    pixel.
    """
    grey = img.mean(axis=2, dtype=np.float32)
    energy = np.zeros_like(grey)
    energy[1:] += np.abs(np.diff(grey, axis=0))
    energy[:, 1:] += np.abs(np.diff(grey, axis=1))
    return fullest_box(energy, side, step)


def fullest_box(energy: NDArray[np.floating[Any]], side: int, step: int) -> Box:
    """The box with the largest sum of an (H, W) plane; its size and place as in `liveliest_box`."""
    height, width = (min(length, side) // step * step for length in energy.shape)
    sums = np.zeros((energy.shape[0] + 1, energy.shape[1] + 1))
    sums[1:, 1:] = energy.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    tops = np.arange(0, energy.shape[0] - height + 1, step)
    lefts = np.arange(0, energy.shape[1] - width + 1, step)
    inside = (
        sums[np.ix_(tops + height, lefts + width)]
        - sums[np.ix_(tops, lefts + width)]
        - sums[np.ix_(tops + height, lefts)]
        + sums[np.ix_(tops, lefts)]
    )
    row, column = np.unravel_index(int(inside.argmax()), inside.shape)
    return int(tops[row]), int(lefts[column]), height, width
