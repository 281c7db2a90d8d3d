"""Shapes of tiles for a frame: they cover it with the default overlap, and their windows share a grid."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlgsanet.errors import InputError
from export.rewriting.passes.attention_by_cells import LEAST_PIXELS, cell_of
from export.rewriting.passes.tlc_windows import windows_for
from export.tuning.tile_shapes import APART, LEAST_SIDE, LIKELY, MOST_PIXELS, TIMED, YARDSTICK, Shape, shapes_for
from runtimes.runner.overlap import DEFAULT_OVERLAP
from runtimes.runner.tiling import axis_spans

WINDOW = 48


def step(side: int) -> int:
    return cell_of(windows_for((side, side), WINDOW))[0]


@given(st.tuples(st.integers(1, 1200), st.integers(1, 2000)))
@settings(max_examples=25, deadline=None)
def test_every_shape_covers_the_frame_with_its_overlap(frame: tuple[int, int]) -> None:
    shapes = shapes_for(frame, step)
    assert 1 <= len(shapes) <= TIMED
    for shape in shapes:
        spans = [axis_spans(length, side, DEFAULT_OVERLAP, 1) for length, side in zip(frame, shape.tile, strict=True)]
        assert shape.tiles == len(spans[0]) * len(spans[1])
        assert shape.computed == pytest.approx(shape.tiles * math.prod(shape.tile) / math.prod(frame))
        for length, side, axis in zip(frame, shape.tile, spans, strict=True):
            assert axis[0].low == 0 and axis[-1].high == length
            assert all(
                left.start + side - right.start >= DEFAULT_OVERLAP and left.high >= right.low
                for left, right in itertools.pairwise(axis)
            )


@given(st.tuples(st.integers(1, 1200), st.integers(1, 2000)))
@settings(max_examples=25, deadline=None)
def test_the_windows_of_every_shape_share_a_grid(frame: tuple[int, int]) -> None:
    shapes = shapes_for(frame, step)
    for shape in shapes:
        height, width = cell_of(windows_for(shape.tile, WINDOW))
        assert height * width >= LEAST_PIXELS
        assert math.prod(shape.tile) <= MOST_PIXELS
        assert all(side >= min(LEAST_SIDE, length) for side, length in zip(shape.tile, frame, strict=True))
    models = [shape.modelled for shape in shapes]
    assert models == sorted(models) and models[-1] <= LIKELY * models[0]
    sizes = sorted(math.prod(shape.tile) for shape in shapes)
    assert all(large >= APART * small for small, large in itertools.pairwise(sizes))


@pytest.mark.parametrize("frame", [(180, 320), (360, 640), (1080, 1920), (960, 1440)])
def test_common_frames_need_few_pixels_more(frame: tuple[int, int]) -> None:
    assert min(shape.computed for shape in shapes_for(frame, step)) <= 1.12


def test_what_a_pixel_costs_grows_away_from_the_yardstick() -> None:
    height, width = YARDSTICK
    yardstick = Shape(YARDSTICK, 1, 1.0)
    assert yardstick.modelled == 1
    assert Shape((height, 2 * width), 1, 1.0).modelled == Shape((height // 2, width), 1, 1.0).modelled > 1


def test_a_frame_that_does_not_fit_is_refused() -> None:
    small = shapes_for((180, 320), step, lambda tile: math.prod(tile) < 20_000)
    assert all(math.prod(shape.tile) < 20_000 for shape in small)
    with pytest.raises(InputError, match="frames of 320x180"):
        shapes_for((180, 320), step, lambda tile: False)
