"""The photographs that ship with the package, cut to a tile."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dlgsanet.imaging.photographs import PHOTOGRAPHS


def photograph(tile: tuple[int, int]) -> NDArray[np.float32]:
    """A real picture of a tile's size, (1, 3, H, W) in [0, 1]: the first of the parity pack."""
    return cut_to_tile(PHOTOGRAPHS[0].read(), tile).astype(np.float32)


def cut_to_tile(picture: NDArray[np.uint8], tile: tuple[int, int]) -> NDArray[np.float64]:
    """The top left of a picture as (1, 3, H, W) in [0, 1], mirrored at the bottom and right as often as
    a larger tile needs."""
    rows, cols = (_mirrored(size, length) for size, length in zip(tile, picture.shape[:2], strict=True))
    cut = picture[rows][:, cols].astype(np.float64) / 255.0
    return np.ascontiguousarray(cut.transpose(2, 0, 1)[None])


def _mirrored(size: int, length: int) -> NDArray[np.int64]:
    index = np.arange(size) % (2 * length)
    return np.minimum(index, 2 * length - 1 - index)
