"""Planted faults show up where they belong: darker, clipped, coloured, blurred, noisy."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.accuracy.diagnosis import Signs, signs


@pytest.fixture
def picture() -> np.ndarray:
    """Left half flat, right half textured, 0.2..0.8."""
    rng = np.random.default_rng(0)
    found = np.full((1, 3, 64, 64), 0.5, np.float32)
    found[..., 32:] = rng.uniform(0.2, 0.8, (64, 32)).astype(np.float32)
    return found


def test_nothing_is_found_in_the_same_picture(picture: np.ndarray) -> None:
    assert signs(picture, picture) == Signs(0, 0, (0, 0, 0), (0, 0, 0), 0, 0)


def test_a_colour_cast(picture: np.ndarray) -> None:
    darker = picture - np.array([0, 2, 0], np.float32).reshape(1, 3, 1, 1) / 255
    found = signs(darker, picture)
    assert found.shift == pytest.approx((0, -2, 0), abs=1e-3)
    assert found.bands[0] == pytest.approx(2 * 0.587, rel=1e-3) and found.bands[2] == pytest.approx(0, abs=1e-3)


def test_white_that_cannot_be_reached(picture: np.ndarray) -> None:
    bright = picture.copy()
    bright[..., :16, :] = 1.01
    found = signs(np.minimum(bright, 0.98), bright)
    assert found.white == pytest.approx(-0.25) and found.black == 0


def test_clipping_to_black(picture: np.ndarray) -> None:
    dark = picture.copy()
    dark[..., :8] = -0.01
    assert signs(dark, picture).black == pytest.approx(1 / 8)


def test_noise_is_high_frequency_and_found_where_it_is(picture: np.ndarray) -> None:
    noisy = picture.copy()
    checks = np.indices((64, 32)).sum(0) % 2 * 2 - 1
    noisy[..., 32:] += checks.astype(np.float32) / 255
    found = signs(noisy, picture)
    assert found.bands[2] > 5 * found.bands[0] and found.bands[2] > 5 * found.bands[1]
    assert found.textured > 5 * found.flat


def test_bands_hold_the_whole_error(picture: np.ndarray) -> None:
    error = np.random.default_rng(1).normal(0, 0.02, (64, 64)).astype(np.float32)
    found = signs(picture + error, picture)
    assert np.hypot(np.hypot(*found.bands[:2]), found.bands[2]) == pytest.approx(255 * float(np.std(error)), rel=0.02)
