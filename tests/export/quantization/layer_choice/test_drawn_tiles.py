"""Probe tiles and pages of any size, and how far each may move."""

from __future__ import annotations

import numpy as np
import pytest

from export.quantization.calibration_tiles import calibration_set
from export.quantization.layer_choice.drawn_tiles import BUSY_LEVELS, FLAT_LEVELS, PAGE_DB, drawn_tiles
from export.quantization.options import CalibrationOptions
from runtimes.runner.fidelity.probes import PROBES, probe


@pytest.mark.parametrize(("tile", "scale"), [((8, 8), 1), ((24, 40), 2), ((128, 128), 4), ((700, 16), 3)])
def test_tiles_of_any_size_hold_pictures(tile: tuple[int, int], scale: int) -> None:
    tiles = drawn_tiles(tile, scale)
    assert list(tiles)[: len(PROBES)] == list(PROBES) and len(tiles) == len(PROBES) + 11
    for name, drawn in tiles.items():
        assert drawn.lr.shape == (1, 3, *tile) and drawn.lr.dtype == np.float32, name
        assert (
            drawn.lr.min() >= 0 and drawn.lr.max() <= 1 and np.array_equal(drawn.lr, drawn_tiles(tile, scale)[name].lr)
        )


def test_the_probe_tiles_are_those_of_check() -> None:
    tiles = drawn_tiles((24, 32), 2)
    assert all(np.array_equal(tiles[name].lr, probe(name, (24, 32))) for name in PROBES)


def test_ranges_are_learnt_from_none_of_the_pages() -> None:
    learnt = {tile.tobytes() for tile in calibration_set(2, (128, 128), CalibrationOptions()).tiles}
    assert not learnt & {drawn.lr[0].tobytes() for drawn in drawn_tiles((128, 128), 2).values()}


@pytest.mark.parametrize(("name", "levels"), [("red", FLAT_LEVELS), ("text", BUSY_LEVELS)])
def test_a_probe_tile_moves_by_the_mean_of_each_colour(name: str, levels: float) -> None:
    grey = np.full((1, 3, 32, 32), 0.5, np.float32)
    moved = grey + np.float32([2, 0, -1]).reshape(1, 3, 1, 1) * np.float32(levels / 255)
    assert drawn_tiles((16, 16), 2)[name].moved(moved, grey) == pytest.approx([2, 0, -1], rel=1e-4)


def test_a_page_moves_by_its_squared_error_as_it_is_seen() -> None:
    """Noise of PAGE_DB is what is allowed; beyond black and white nothing is seen."""
    drawn = drawn_tiles((16, 16), 2)["page print"]
    noise = np.random.default_rng(0).choice([-1.0, 1.0], (1, 3, 32, 32)) * 10 ** (-PAGE_DB / 20)
    grey = np.full(noise.shape, 0.5, np.float32)
    assert drawn.moved(grey + noise, grey) == [pytest.approx(1, rel=1e-3)]
    assert drawn.moved(grey + 2 * noise, grey) == [pytest.approx(4, rel=1e-3)]
    white = np.ones_like(grey)
    assert drawn.moved(white + abs(noise), white) == [0.0]
