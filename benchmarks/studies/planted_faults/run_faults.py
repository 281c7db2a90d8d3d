"""Faults of what runs a whole file: a driver, a buffer, a stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.studies.planted_faults.fault import RunFault
from runtimes.runner.tiling import Array

SIXTH = 6
LEVEL = np.float32(1 / 255)
Spoil = Callable[[Array, Array, int], Array]


@dataclass
class _Late:
    """Gives the answer to the tile before."""

    held: Array | None = None

    def __call__(self, sr: Array, lr: Array, number: int) -> Array:
        before, self.held = self.held, sr
        return sr if before is None else before


@dataclass
class _Stale:
    """Gives the first answer again once in six: a buffer that was not waited for."""

    held: Array | None = None

    def __call__(self, sr: Array, lr: Array, number: int) -> Array:
        self.held = sr if self.held is None else self.held
        return self.held if number % SIXTH == SIXTH - 1 else sr


def _each_sixth(change: Callable[[Array], Array]) -> Spoil:
    return lambda sr, lr, number: change(sr) if number % SIXTH == SIXTH - 1 else sr


def _with_pixel(value: float, call: int) -> Spoil:
    def spoil(sr: Array, lr: Array, number: int) -> Array:
        if number != call:
            return sr
        spoilt = sr.copy()
        spoilt[0, 1, sr.shape[2] // 3, sr.shape[3] // 3] = value
        return spoilt

    return spoil


def _bf16(sr: Array) -> Array:
    bits = sr.view(np.uint32)
    rounded: Array = ((bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)
    return rounded


def _rows_lost(sr: Array) -> Array:
    spoilt = sr.copy()
    spoilt[:, :, -sr.shape[2] // 8 :] = 0
    return spoilt


FAULTS = (
    RunFault("tiles exchanged", "every tile gives the answer to the one before", lambda: _Late()),
    RunFault("stale buffer", "one tile in six gives the first answer again", lambda: _Stale()),
    RunFault("a sixth brighter", "one tile in six: +6 levels", lambda: _each_sixth(lambda sr: sr + 6 * LEVEL)),
    RunFault("a sixth black", "one tile in six: half as bright", lambda: _each_sixth(lambda sr: sr * np.float32(0.5))),
    RunFault("a sixth cut", "one tile in six: the last eighth of its rows black", lambda: _each_sixth(_rows_lost)),
    RunFault("a sixth mirrored", "one tile in six: mirrored", lambda: _each_sixth(
        lambda sr: np.ascontiguousarray(sr[..., ::-1]))),
    RunFault("NaN", "NaN in one pixel of the fourth tile", lambda: _with_pixel(np.nan, 3)),
    RunFault("infinity", "infinity in one pixel of the fourth tile", lambda: _with_pixel(np.inf, 3)),
    RunFault("one huge pixel", "one pixel of the fourth tile is 100", lambda: _with_pixel(100.0, 3)),
    RunFault("drift", "0.1 % darker with every tile", lambda: lambda sr, lr, number: (
        sr * np.float32(0.999 ** number))),
    RunFault("8-bit wrap", "values beyond white begin at black again", lambda: lambda sr, lr, number: (
        np.where(sr > 1.004, sr - 1, sr).astype(np.float32))),
    RunFault("bf16 output", "the output rounded to bf16", lambda: lambda sr, lr, number: _bf16(sr)),
)  # fmt: skip
