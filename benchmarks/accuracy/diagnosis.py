"""How an artifact's pictures differ from the reference's: what to look for when INT8 or 16 bit loses decibels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.verdicts import Conditions
from benchmarks.records.inside import DiagnosisRecord
from benchmarks.subjects.subject import Subject
from runtimes.runner.tiling import Array

LEVELS = 255.0
BANDS = (1 / 8, 1 / 4)
"""Cycles per HR pixel that divide low, middle and high frequencies: at x4, the LR picture holds up to 1/8."""

_LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Signs:
    """One image. Shares are of all samples, errors root mean squares in 8-bit levels.

    `black`, `white`: share at or beyond 0 and 1, minus the reference's. `shift`: mean difference of R, G, B.
    `bands`: error of the luma at low, middle and high frequencies. `flat`, `textured`: error where the reference's
    gradient is below and above its median.
    """

    black: float
    white: float
    shift: tuple[float, float, float]
    bands: tuple[float, float, float]
    flat: float
    textured: float


def signs(sr: Array, reference: Array) -> Signs:
    """Compare two outputs, both 1 x 3 x H x W float32, unclamped."""
    found, wanted = sr[0].astype(np.float64), reference[0].astype(np.float64)
    error = found - wanted
    shift = LEVELS * error.mean((1, 2))
    luma = np.tensordot(_LUMA, wanted, 1)
    lively = _gradient(luma) > np.median(_gradient(luma))
    return Signs(
        black=float((found <= 0).mean() - (wanted <= 0).mean()),
        white=float((found >= 1).mean() - (wanted >= 1).mean()),
        shift=(float(shift[0]), float(shift[1]), float(shift[2])),
        bands=_bands(LEVELS * np.tensordot(_LUMA, error, 1)),
        flat=_rms(LEVELS * error[:, ~lively]),
        textured=_rms(LEVELS * error[:, lively]),
    )


def diagnosis(subject: Subject, rows: Sequence[Signs], conditions: Conditions) -> DiagnosisRecord:
    """The record of one artifact: means over the images."""
    if not rows:
        raise ValueError("expected at least one image")
    return DiagnosisRecord(
        artifact=subject.artifact,
        role=subject.role,
        backend=subject.backend,
        model=conditions.origin.name,
        model_sha256=conditions.origin.sha256,
        dataset=conditions.dataset.name,
        protocol=conditions.protocol(subject.tile).id,
        black=_mean([row.black for row in rows]),
        white=_mean([row.white for row in rows]),
        shift=_means([row.shift for row in rows]),
        bands=_means([row.bands for row in rows]),
        flat=_mean([row.flat for row in rows]),
        textured=_mean([row.textured for row in rows]),
    )


def _gradient(luma: NDArray[np.float64]) -> NDArray[np.float64]:
    down, right = np.gradient(luma)
    size: NDArray[np.float64] = np.hypot(down, right)
    return size


def _bands(error: NDArray[np.float64]) -> tuple[float, float, float]:
    """Root mean square of the error in each band; their squares add up to the whole's (Parseval)."""
    height, width = error.shape
    power = np.abs(np.fft.fft2(error)) ** 2 / (height * width) ** 2
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    low, middle = (frequency < limit for limit in BANDS)
    parts = (power[low].sum(), power[middle & ~low].sum(), power[~middle].sum())
    return float(np.sqrt(parts[0])), float(np.sqrt(parts[1])), float(np.sqrt(parts[2]))


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else 0.0


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _means(values: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    first, second, third = np.mean(values, axis=0).tolist()
    return first, second, third
