"""What may be said about latencies: percentiles, 95 % intervals, and "faster" only where they separate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
RESAMPLES = 4000
SEED = 20230105
_BLOCK = 250  # resamples drawn at once: bounds the memory for many runs

Order = Literal["faster", "slower", "not separable"]


@dataclass(frozen=True)
class Interval:
    """An estimate and the ends of its 95 % interval, in the unit of the samples."""

    value: float
    low: float
    high: float

    def separate(self, other: Interval) -> bool:
        """Whether the two intervals share no value."""
        return self.high < other.low or other.high < self.low


def percentile(samples: Sequence[float], percent: float) -> float:
    """The percentile with linear interpolation. Raises ValueError without samples or with a NaN."""
    return float(np.percentile(_checked(samples), percent))


def median_interval(samples: Sequence[float]) -> Interval:
    """The median and its 95 % percentile-bootstrap interval; the same for the same samples (seeded)."""
    values = _checked(samples)
    medians = _bootstrap(values, np.median)
    low, high = np.percentile(medians, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return Interval(float(np.median(values)), float(low), float(high))


def mean_interval(samples: Sequence[float]) -> Interval:
    """The mean and its 95 % percentile-bootstrap interval; the same for the same samples (seeded)."""
    values = _checked(samples)
    low, high = np.percentile(_bootstrap(values, np.mean), [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return Interval(float(values.mean()), float(low), float(high))


def ratio_interval(samples: Sequence[float], other: Sequence[float]) -> Interval:
    """Median of the ratios samples[k] / other[k] and its 95 % interval.

    Sample k of both was taken in the same round, so a drift of the machine falls out of their ratio; rounds
    are what is resampled. Raises ValueError for different lengths or times that are not above zero.
    """
    a, b = _checked(samples), _checked(other)
    if len(a) != len(b):
        raise ValueError(f"expected paired samples, found {len(a)} and {len(b)}")
    if a.min() <= 0 or b.min() <= 0:
        raise ValueError("expected times above zero")
    return median_interval((a / b).tolist())


def compare_apart(samples: Sequence[float], other: Sequence[float]) -> tuple[Interval, Order]:
    """As `compare`, of times that were not taken in the same rounds: the ratio of their medians, each resampled by
    itself. A drift of the machine between the two is in it."""
    a, b = _checked(samples), _checked(other)
    if a.min() <= 0 or b.min() <= 0:
        raise ValueError("expected times above zero")
    ratios = _bootstrap(a, np.median) / _bootstrap(b, np.median, SEED + 1)
    low, high = np.percentile(ratios, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    value = float(np.median(a) / np.median(b))
    ratio = Interval(value, min(float(low), value), max(float(high), value))
    return ratio, _order(samples, other, ratio)


def compare(samples: Sequence[float], other: Sequence[float]) -> tuple[Interval, Order]:
    """The ratio of times with its interval, and what may be said of it.

    "faster" or "slower" takes both: the intervals of the two medians do not overlap, and the paired ratio's
    interval excludes 1.
    """
    ratio = ratio_interval(samples, other)
    return ratio, _order(samples, other, ratio)


def _order(samples: Sequence[float], other: Sequence[float], ratio: Interval) -> Order:
    apart = median_interval(samples).separate(median_interval(other))
    if apart and ratio.high < 1:
        return "faster"
    if apart and ratio.low > 1:
        return "slower"
    return "not separable"


def _checked(samples: Sequence[float]) -> NDArray[np.float64]:
    values = np.asarray(samples, np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError("expected at least one finite sample")
    return values


def _bootstrap(
    values: NDArray[np.float64], of: Callable[..., NDArray[np.float64]], seed: int = SEED
) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    blocks = [
        of(values[random.integers(0, len(values), (_BLOCK, len(values)))], axis=1) for _ in range(RESAMPLES // _BLOCK)
    ]
    return np.concatenate(blocks)
