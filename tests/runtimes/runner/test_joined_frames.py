"""Pictures joined one after another are those that are joined as a whole, bit for bit, whatever changed in between."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from runtimes.runner.joined_frames import upscale_each
from runtimes.runner.tile_memory import TileMemory
from runtimes.runner.tiling import Array, Stream, Tile, upscale_tiled

SCALE = 2


def enlarge(tile: Array) -> Array:
    """Each tile has a colour of its own added, so that seams show."""
    large: Array = np.repeat(np.repeat(tile, SCALE, 2), SCALE, 3) + np.float32(tile.mean() / 3)
    return large


def engine(in_flight: int) -> Stream:
    """One that takes so many tiles before it answers the first."""

    def run(tiles: Iterator[Array]) -> Iterator[Array]:
        taken: deque[Array] = deque()
        for tile in tiles:
            taken.append(tile)
            if len(taken) > in_flight:
                yield enlarge(taken.popleft())
        yield from map(enlarge, taken)

    return run


def pictures(seed: int, size: Tile, changes: list[tuple[int, int, int, int]]) -> list[Array]:
    """A picture, and one for each change of it: a rectangle of other pixels."""
    random = np.random.default_rng(seed)
    found = [random.random((1, 3, *size), np.float32)]
    for top, left, height, width in changes:
        last = found[-1].copy()
        part = last[:, :, top : top + height, left : left + width]
        part[:] = random.random(part.shape, np.float32)
        found.append(last)
    return found


def put_together(in_flight: int, frames: list[Array], tile: Tile, overlap: int, band: int) -> list[Array]:
    """All pictures, made of the rows that changed; tiles that were seen before are not computed."""
    memory = TileMemory()

    def begun() -> Iterator[Array]:
        for frame in frames:
            memory.begin_frame()
            yield frame

    whole = np.full((1, 3, frames[0].shape[2] * SCALE, frames[0].shape[3] * SCALE), np.nan, np.float32)
    found = []
    for changed in upscale_each(memory.stream(engine(in_flight)), begun(), SCALE, tile, overlap, band):
        bottom = changed.top + changed.rows.shape[2]
        assert changed.top % band == 0 and (bottom % band == 0 or bottom == whole.shape[2])
        whole[:, :, changed.top : bottom] = changed.rows
        found.append(whole.copy())
    return found


RECTANGLE = st.tuples(st.integers(0, 33), st.integers(0, 39), st.integers(0, 12), st.integers(0, 12))


@given(
    changes=st.lists(RECTANGLE, max_size=4),
    tile=st.tuples(st.integers(6, 40), st.integers(6, 44)),
    overlap=st.integers(0, 5),
    band=st.sampled_from([1, 8, 32]),
    in_flight=st.sampled_from([0, 2, 9]),
)
@settings(max_examples=60, deadline=None)
def test_every_picture_is_as_it_is_joined_alone(changes, tile, overlap, band, in_flight) -> None:
    frames = pictures(1, (34, 40), changes)
    shown = put_together(in_flight, frames, tile, overlap, band)
    for sr, lr in zip(shown, frames, strict=True):
        assert np.array_equal(sr, upscale_tiled(enlarge, lr, SCALE, tile, overlap))


def test_only_what_changed_is_told() -> None:
    frames = pictures(2, (40, 40), [(0, 0, 4, 4), (0, 0, 0, 0), (36, 36, 4, 4)])
    memory = TileMemory()

    def begun() -> Iterator[Array]:
        for frame in frames:
            memory.begin_frame()
            yield frame

    rows = [
        (it.top, it.rows.shape[2]) for it in upscale_each(memory.stream(engine(0)), begun(), SCALE, (16, 16), 4, band=8)
    ]
    assert rows == [(0, 80), (0, 32), (0, 0), (48, 32)]


def test_pictures_of_several_sizes_are_each_joined_alone() -> None:
    frames = [pictures(height, (height, width), [])[0] for height, width in ((20, 30), (8, 8), (33, 9), (20, 30))]
    found = list(upscale_each(engine(2), iter(frames), SCALE, (16, 12), 4))
    for changed, lr in zip(found, frames, strict=True):
        assert changed.top == 0 and np.array_equal(changed.rows, upscale_tiled(enlarge, lr, SCALE, (16, 12), 4))
