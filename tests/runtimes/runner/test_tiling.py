"""Tiling: any size, any overlap, any order of the tiles, bounded memory."""

from __future__ import annotations

import itertools
import random
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlgsanet.errors import BackendError, InputError
from runtimes.runner.tiling import axis_spans, iter_rows, nearest_tile, tile_count, upscale_tiled

SIZES = st.integers(1, 90)


def repeat(scale: int):
    """A network that sees one pixel only: tiling must not change its result."""
    return lambda x: np.repeat(np.repeat(x, scale, 2), scale, 3)


def image(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((1, 3, height, width), dtype=np.float32)


@given(length=SIZES, tile=st.integers(1, 40), overlap=st.integers(0, 39), scale=st.integers(1, 4))
@settings(max_examples=200, deadline=None)
def test_weights_are_a_partition_of_unity(length, tile, overlap, scale):
    if length > tile and overlap >= tile:
        with pytest.raises(InputError, match="must be smaller than the tile"):
            axis_spans(length, tile, overlap, scale)
        return
    total = np.zeros(length * scale)
    spans = axis_spans(length, tile, overlap, scale)
    for span in spans:
        assert span.low >= span.start * scale
        assert span.high <= (span.start + max(tile, length)) * scale
        assert (span.weight > 0).all()
        assert (span.weight <= 1).all()
        total[span.low : span.high] += span.weight
    np.testing.assert_allclose(total, 1, atol=1e-6)
    assert len(spans) == tile_count((length, 1), (tile, 1), overlap)
    for left, right in itertools.pairwise(spans):
        assert left.start + tile - right.start >= overlap


@given(height=SIZES, width=SIZES, overlap=st.integers(0, 15), scale=st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_any_size_gives_the_untiled_result(height, width, overlap, scale):
    lr = image(height, width)
    sr = upscale_tiled(repeat(scale), lr, scale, (16, 24), overlap)
    assert sr.dtype == np.float32
    np.testing.assert_allclose(sr, repeat(scale)(lr), atol=1e-6)
    strips = list(iter_rows(repeat(scale), lr, scale, (16, 24), overlap))
    assert [y0 for y0, _ in strips] == list(np.cumsum([0] + [part.shape[2] for _, part in strips[:-1]]))
    np.testing.assert_array_equal(np.concatenate([part for _, part in strips], 2), sr)


def place(x: np.ndarray) -> np.ndarray:
    """A network that answers differently at each place of its tile, as one with zero padding does."""
    yy, xx = np.mgrid[: x.shape[2] * 2, : x.shape[3] * 2]
    return (repeat(2)(x) + np.sin(yy * 0.3) + np.cos(xx * 0.2)).astype(np.float32)


def test_the_order_of_the_tiles_does_not_matter():
    lr, tile, overlap = image(61, 75), (16, 24), 6
    rows, columns = axis_spans(61, tile[0], overlap, 2), axis_spans(75, tile[1], overlap, 2)
    tiles = [(row, column) for row in rows for column in columns]
    random.Random(5).shuffle(tiles)
    out = np.zeros((1, 3, 122, 150), np.float32)
    for row, column in tiles:
        sr = place(lr[:, :, row.start : row.start + tile[0], column.start : column.start + tile[1]])
        y, x = row.start * 2, column.start * 2
        part = sr[:, :, row.low - y : row.high - y, column.low - x : column.high - x]
        out[:, :, row.low : row.high, column.low : column.high] += part * row.weight[:, None] * column.weight
    np.testing.assert_allclose(upscale_tiled(place, lr, 2, tile, overlap), out, atol=1e-6)


def test_the_feather_leaves_no_step_between_tiles():
    """Tiles that disagree by 1 fade over half of the overlap: no neighbouring pixels differ by more than a
    step."""
    level = iter([0.0, 1.0])
    sr = upscale_tiled(lambda x: np.full((1, 3, 64, 64), next(level), np.float32), image(32, 48), 2, (32, 32), 16)
    fade = sr[0, 0, 0]
    assert fade[0] == 0
    assert fade[-1] == 1
    assert 0 < np.diff(fade).max() <= 1 / 16 + 1e-6
    assert (fade[: 2 * (16 + 4)] == 0).all()  # the outer quarter of the shared 16 pixels is the first tile's alone
    assert (fade[2 * (32 - 4) :] == 1).all()


def test_an_image_of_one_tile_is_passed_on_exactly():
    lr = image(16, 24)
    np.testing.assert_array_equal(upscale_tiled(place, lr, 2, (16, 24), 4), place(lr))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40), (2, 3), (5, 16), (16, 1), (7, 7)])
@pytest.mark.parametrize("fill", ["reflect", "symmetric"])
def test_small_images_are_mirrored_as_often_as_needed(height, width, fill):
    seen = []

    def watch(x):
        seen.append(x.copy())
        return repeat(2)(x)

    lr = image(height, width)
    upscale_tiled(watch, lr, 2, (16, 48), 4, fill)
    one = [np.arange(height), np.arange(width)]
    for axis, tile in enumerate((16, 48)):  # np.pad continues by one period at a time, the same in every version
        while len(one[axis]) < tile and (lr.shape[2 + axis] > 1 or fill == "symmetric"):
            more = min(lr.shape[2 + axis] - (fill == "reflect"), tile - len(one[axis]))
            one[axis] = np.pad(one[axis], (0, more), mode=fill)
        one[axis] = np.pad(one[axis], (0, tile - len(one[axis])), mode="edge")
    assert len(seen) == 1
    np.testing.assert_array_equal(seen[0], lr[:, :, one[0]][:, :, :, one[1]])
    assert seen[0].flags["C_CONTIGUOUS"]


def test_batches_are_taken_one_by_one():
    batch = np.concatenate([image(20, 30, seed) for seed in range(3)])
    sr = upscale_tiled(place, batch, 2, (16, 24), 4)
    for index in range(3):
        np.testing.assert_array_equal(
            sr[index : index + 1], upscale_tiled(place, batch[index : index + 1], 2, (16, 24), 4)
        )
    with pytest.raises(InputError, match="batch of 3"):
        next(iter_rows(place, batch, 2, (16, 24), 4))


@pytest.mark.parametrize(
    ("lr", "tile", "overlap"),
    [
        (np.zeros((3, 8, 8), np.float32), (4, 4), 1),
        (np.zeros((1, 3, 8, 8), np.float64), (4, 4), 1),
        (np.zeros((1, 3, 0, 8), np.float32), (4, 4), 1),
        (image(8, 8), (0, 4), 0),
        (image(8, 8), (4, -4), 1),
        (image(8, 8), (4, 4), -1),
        (image(8, 8), (4, 4), 4),
    ],
)
def test_what_cannot_be_tiled_is_refused(lr, tile, overlap):
    with pytest.raises(InputError):
        upscale_tiled(repeat(2), lr, 2, tile, overlap)
    with pytest.raises(InputError):
        next(iter_rows(repeat(2), lr, 2, tile, overlap))


def test_a_network_of_another_scale_is_caught():
    with pytest.raises(BackendError, match="x3"):
        upscale_tiled(repeat(2), image(8, 8), 3, (4, 4), 1)


def peak(work) -> int:
    tracemalloc.start()
    work()
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return used


def test_memory_is_bounded_by_the_tile():
    def drain(height):
        lr = image(height, 64)
        for _ in iter_rows(repeat(2), lr, 2, (32, 32), 8):
            pass

    strip = 3 * 4 * 64 * 128  # one row of tiles, in bytes
    grown = peak(lambda: drain(4000)) - peak(lambda: drain(400))
    assert grown < 3 * 4 * 3600 * 64 + 8 * strip  # the LR image itself, and no more than some strips

    lr = image(600, 600)
    output = 3 * 4 * 1200 * 1200
    assert peak(lambda: upscale_tiled(repeat(2), lr, 2, (32, 32), 8)) < output * 1.1


def test_nearest_tile_computes_the_fewest_pixels():
    tiles = [(64, 64), (128, 128), (128, 256)]
    assert nearest_tile(tiles, (1, 1)) == (64, 64)
    assert nearest_tile(tiles, (64, 64)) == (64, 64)
    assert nearest_tile(tiles, (100, 110)) == (128, 128)
    assert nearest_tile(tiles, (128, 250)) == (128, 256)
    assert nearest_tile([(64, 64), (64, 128)], (64, 128), 0) == (64, 128)  # equal cost: fewer seams
    assert nearest_tile([(16, 16), (64, 64)], (17, 17), 16) == (64, 64)  # the first cannot hold the overlap
    assert nearest_tile([(16, 16)], (17, 17), 16) == (16, 16)
    with pytest.raises(InputError, match="overlap 16"):
        tile_count((17, 17), (16, 16), 16)


@given(
    image_hw=st.tuples(st.integers(1, 700), st.integers(1, 700)),
    costs=st.dictionaries(
        st.tuples(st.integers(9, 200), st.integers(9, 200)), st.floats(0.5, 2.0), min_size=1, max_size=5
    ),
    overlap=st.integers(0, 8),
)
@settings(max_examples=200, deadline=None)
def test_the_best_of_several_tiles_costs_no_more_than_any_of_them(image_hw, costs, overlap):
    def cost(tile):
        return tile_count(image_hw, tile, overlap) * tile[0] * tile[1] * costs[tile]

    chosen = nearest_tile(list(costs), image_hw, overlap, costs)
    assert chosen in costs
    assert all(cost(chosen) <= cost(tile) for tile in costs)


def test_what_a_pixel_costs_counts():
    tiles = [(64, 64), (128, 128)]
    assert nearest_tile(tiles, (128, 128), 0) == (128, 128)
    assert nearest_tile(tiles, (128, 128), 0, {(128, 128): 1.2}) == (64, 64)
    assert nearest_tile(tiles, (128, 128), 0, {(64, 64): 1.0, (128, 128): 1.0}) == (128, 128)


def test_a_large_photograph_streams():
    lr = np.broadcast_to(image(1, 1), (1, 3, 3000, 4000))
    rows = 0

    def drain():
        nonlocal rows
        for y0, strip in iter_rows(repeat(4), lr, 4, (128, 128)):
            assert y0 == rows
            assert strip.min() == pytest.approx(lr.min(), abs=1e-6)
            rows += strip.shape[2]

    assert peak(drain) < 6 * 3 * 4 * 512 * 16000  # some rows of tiles; the whole output is 2.3 GB
    assert rows == 12000
