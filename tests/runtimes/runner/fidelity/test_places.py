"""Faults at one place of every tile, each planted into noise that is stronger than what an artifact shows."""

from __future__ import annotations

import numpy as np
import pytest

from runtimes.runner.fidelity.places import Errors, PlaceErrors
from runtimes.runner.tiling import axis_spans, upscale_tiled

TILE, SCALE, OVERLAP = (24, 24), 4, 8
SIDE = 60  # LR pixels of an image: three tiles each way


def noise(seed: int) -> Errors:
    return np.random.default_rng(seed).normal(0, 0.5, (3, SIDE * SCALE, SIDE * SCALE)).astype(np.float32)


def measured(tile_fault: Errors) -> PlaceErrors:
    """Three images whose every tile has the fault (3 x 96 x 96, levels), through the tiler."""
    places = PlaceErrors(TILE, SCALE)
    spans = axis_spans(SIDE, TILE[0], OVERLAP, SCALE)
    lr = np.zeros((1, 3, SIDE, SIDE), np.float32)
    for seed in range(3):
        stitched = upscale_tiled(lambda _: tile_fault[None], lr, SCALE, TILE, OVERLAP)[0]
        places.add(stitched + noise(seed), spans, spans)
    return places


def fault() -> Errors:
    return np.zeros((3, TILE[0] * SCALE, TILE[1] * SCALE), np.float32)


def test_noise_alone_shows_nothing() -> None:
    places = measured(fault())
    assert np.abs(places.shift()).max() < 0.01
    assert places.speck() < 1 and places.line() < 0.2 and places.step() < 0.1 and places.dots() < 0.05


def test_a_shift_is_told_by_channel_and_is_no_speck() -> None:
    shifted = fault()
    shifted[2] += 4
    places = measured(shifted)
    np.testing.assert_allclose(places.shift(), (0, 0, 4), atol=0.02)
    assert places.speck() < 1 and places.dots() < 0.05 and places.step() < 0.1


def test_a_dead_speck_is_seen_though_it_is_four_pixels_of_thousands() -> None:
    dead = fault()
    dead[:, 50:52, 40:42] = -60
    places = measured(dead)
    assert places.speck() == pytest.approx(60, abs=2)
    assert np.abs(places.shift()).max() < 0.1


@pytest.mark.parametrize("axis", [1, 2])
def test_a_line_and_a_step_are_seen_along_both_axes(axis: int) -> None:
    line = np.moveaxis(fault(), axis, 1)
    line[:, 48] = 14
    assert measured(np.moveaxis(line, 1, axis)).line() == pytest.approx(14, abs=0.5)
    step = np.moveaxis(fault(), axis, 1)
    step[:, 48:] = 1.2
    places = measured(np.moveaxis(step, 1, axis))
    assert places.step() == pytest.approx(1.2, abs=0.1)


@pytest.mark.parametrize(("period", "height"), [(2, 2.0), (4, 17.0), (8, 17.0), (3, 5.0)])
def test_dots_at_one_phase_are_seen_in_one_channel(period: int, height: float) -> None:
    dots = fault()
    dots[2, 1::period, 1::period] = height
    places = measured(dots)
    if period == 3:  # no power of two and not the scale: other figures are for that
        assert places.dots() < 0.5
    else:
        assert places.dots() == pytest.approx(height * (1 - 1 / period**2), rel=0.05)


def test_a_scale_of_three_has_its_own_phases() -> None:
    places = PlaceErrors((8, 8), 3)
    spans = axis_spans(8, 8, 0, 3)
    dots = np.zeros((3, 24, 24), np.float32)
    dots[1, ::3, ::3] = 9
    places.add(dots, spans, spans)
    assert places.dots() == pytest.approx(8)


def test_an_image_smaller_than_a_tile_is_seen_where_it_lies() -> None:
    places = PlaceErrors((128, 128), 4)
    error = np.full((3, 200, 240), 2.0, np.float32)
    error[:, 100] += 10
    places.add(error, axis_spans(50, 128, 16, 4), axis_spans(60, 128, 16, 4))
    assert places.line() == pytest.approx(10, abs=0.1)
    np.testing.assert_allclose(places.shift(), 2 + 10 / 200, rtol=1e-5)
