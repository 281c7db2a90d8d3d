"""The mean signed error at every place of the tile: what is wrong at one place of every tile adds up there, while the
noise of rounding averages out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from runtimes.runner.tiling import Span, Tile

Errors = NDArray[np.float32]
"""3 x H x W, in levels of 255."""

Means = NDArray[np.float64]

PERIODS = (2, 4, 8)
"""HR pixels after which a grid of dots repeats; the scale is one more."""

_BAND = 8  # HR rows on either side of a step
_NEAR = range(2, 5)  # rows on either side that a line stands out from
_SPECK = 2


class PlaceErrors:
    """Sums of errors by their place in the tile, over all tiles of all images; `tile` in LR pixels."""

    def __init__(self, tile: Tile, scale: int) -> None:
        height, width = tile[0] * scale, tile[1] * scale
        self._scale = scale
        self._sums = np.zeros((3, height, width), np.float32)
        self._counts = np.zeros((height, width), np.float32)

    def add(self, error: Errors, rows: Sequence[Span], columns: Sequence[Span]) -> None:
        """One image's errors, and how it was cut (`axis_spans`)."""
        for row in rows:
            for column in columns:
                y, x = row.start * self._scale, column.start * self._scale
                down, across = slice(row.low - y, row.high - y), slice(column.low - x, column.high - x)
                self._sums[:, down, across] += error[:, row.low : row.high, column.low : column.high]
                self._counts[down, across] += 1

    def shift(self) -> Means:
        """The mean error of each channel."""
        return np.asarray(self._sums.sum((1, 2), dtype=np.float64) / max(float(self._counts.sum()), 1.0))

    def speck(self) -> float:
        """The largest mean of a 2x2 place, less the channel's."""
        sums, counts = _windows(self._sums), _windows(self._counts[None])
        seen = counts[0] > 0
        return _largest((sums[:, seen] / counts[:, seen]) - self.shift()[:, None])

    def line(self) -> float:
        """How far the mean of one row or column stands out from those near it."""
        return max(_largest(_standing_out(profile)) for profile in self._profiles())

    def step(self) -> float:
        """The largest difference between the bands on either side of a row or column."""
        return max(_largest(_steps(profile)) for profile in self._profiles())

    def dots(self) -> float:
        """The largest mean at one phase of a period, less the channel's."""
        periods = sorted({*PERIODS, self._scale} - {1})
        return max(_largest(self._phases(period) - self.shift()[:, None]) for period in periods)

    def _phases(self, period: int) -> Means:
        """3 x period squared, those that were seen."""
        sums = _folded(self._sums, period)
        counts = _folded(self._counts[None], period)[0]
        return np.asarray(sums[:, counts > 0] / counts[counts > 0])

    def _profiles(self) -> tuple[Means, Means]:
        """The mean of every row and of every column that was seen: 3 x H and 3 x W."""
        return _profile(self._sums, self._counts, 2), _profile(self._sums, self._counts, 1)


def _profile(sums: Errors, counts: Errors, axis: int) -> Means:
    total, seen = sums.sum(axis, dtype=np.float64), counts.sum(axis - 1, dtype=np.float64)
    some = seen > seen.max(initial=0) / 4  # a row with few pixels says little
    return np.asarray(total[:, some] / seen[some])


def _windows(values: Errors) -> Errors:
    rows = values[:, :-1] + values[:, 1:]
    found: Errors = rows[:, :, :-1] + rows[:, :, 1:]
    return found


def _folded(values: Errors, period: int) -> Means:
    """Sums by phase, C x period squared; a rest at the end that is no whole period is left out."""
    height, width = (side // period for side in values.shape[1:])
    whole = values[:, : height * period, : width * period]
    folded = whole.reshape(len(values), height, period, width, period).sum((1, 3), dtype=np.float64)
    return np.asarray(folded.reshape(len(values), -1))


def _standing_out(profile: Means) -> Means:
    reach = max(_NEAR)
    if profile.shape[1] <= 2 * reach:
        return np.zeros((3, 0))
    wide = np.pad(profile, ((0, 0), (reach, reach)), mode="reflect")
    length = profile.shape[1]
    near = [wide[:, reach + sign * k : reach + sign * k + length] for k in _NEAR for sign in (-1, 1)]
    return np.asarray(profile - np.mean(near, 0))


def _steps(profile: Means) -> Means:
    if profile.shape[1] < 2 * _BAND:
        return np.zeros((3, 0))
    sums = np.cumsum(np.pad(profile, ((0, 0), (1, 0))), 1)
    bands = (sums[:, _BAND:] - sums[:, :-_BAND]) / _BAND
    return np.asarray(bands[:, _BAND:] - bands[:, :-_BAND])


def _largest(values: NDArray[np.floating]) -> float:
    return float(np.abs(values).max(initial=0.0))
