from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.records.statistics import Interval, compare, compare_apart, median_interval, percentile, ratio_interval

TIMES = st.lists(st.floats(0.01, 1e4), min_size=1, max_size=40)


@given(TIMES)
def test_the_interval_holds_the_median_and_stays_inside_the_samples(samples: list[float]) -> None:
    found = median_interval(samples)
    assert min(samples) <= found.low <= found.value <= found.high <= max(samples)
    assert found == median_interval(samples)


def test_the_interval_covers_the_true_median_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(3)
    trials = [median_interval(random.exponential(1.0, 30).tolist()) for _ in range(200)]
    covered = sum(trial.low <= math.log(2) <= trial.high for trial in trials)
    assert 176 <= covered <= 199  # 95 % of 200 is 190; three standard errors are 9


def test_percentiles_interpolate() -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0, 5.0], 95) == pytest.approx(4.8)


def test_a_drift_common_to_both_falls_out_of_the_paired_ratio() -> None:
    drift = np.linspace(1, 3, 30)
    noise = np.random.default_rng(5).normal(1, 0.01, (2, 30))
    a, b = 8 * drift * noise[0], 10 * drift * noise[1]
    ratio = ratio_interval(a.tolist(), b.tolist())
    assert ratio.value == pytest.approx(0.8, abs=0.01)
    assert ratio.high - ratio.low < 0.03
    apart, order = compare(a.tolist(), b.tolist())
    assert apart == ratio
    assert order == "not separable"  # the medians' own intervals overlap: nothing is claimed


def test_faster_and_slower_are_said_when_the_intervals_separate() -> None:
    random = np.random.default_rng(7)
    fast, slow = random.normal(10, 0.1, 30).tolist(), random.normal(12, 0.1, 30).tolist()
    assert compare(fast, slow)[1] == "faster"
    assert compare(slow, fast)[1] == "slower"
    assert compare(fast, fast)[1] == "not separable"


def test_times_of_different_runs_are_compared_by_their_medians() -> None:
    random = np.random.default_rng(7)
    fast, slow = random.normal(10, 0.1, 10).tolist(), random.normal(20, 0.2, 30).tolist()
    ratio, order = compare_apart(fast, slow)
    assert order == "faster" and ratio.low < 0.5 < ratio.high and ratio.high - ratio.low < 0.02
    assert compare_apart(slow, fast)[1] == "slower"
    assert compare_apart(fast, random.normal(10, 0.1, 30).tolist())[1] == "not separable"


@given(TIMES, TIMES)
def test_the_interval_of_different_runs_holds_their_ratio(samples: list[float], other: list[float]) -> None:
    ratio, _ = compare_apart(samples, other)
    assert ratio.low <= ratio.value <= ratio.high


def test_intervals_that_touch_do_not_separate() -> None:
    assert not Interval(1, 0, 2).separate(Interval(3, 2, 4))
    assert Interval(1, 0, 2).separate(Interval(3, 2.1, 4))


@pytest.mark.parametrize("samples", [[], [math.nan], [math.inf, 1.0]])
def test_no_interval_without_finite_samples(samples: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        median_interval(samples)


def test_ratios_need_pairs_of_times_above_zero() -> None:
    with pytest.raises(ValueError, match="paired"):
        ratio_interval([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="above zero"):
        ratio_interval([1.0], [0.0])
