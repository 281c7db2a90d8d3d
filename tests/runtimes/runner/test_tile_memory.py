"""Tiles used again: never wrong where they must be equal, counted, and measured where they may differ."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import chain

import numpy as np
import pytest

from runtimes.runner.tile_memory import SAMPLE_EVERY, TileMemory, new_shares
from runtimes.runner.tiling import stream_rows

RNG = np.random.default_rng(5)
TILES = [RNG.random((1, 3, 4, 4), dtype=np.float32) for _ in range(4)]


class Engine:
    """Doubles a tile's values; `in_flight` tiles are taken before the first is given, as some engines do."""

    def __init__(self, in_flight: int = 0) -> None:
        self.ran: list[np.ndarray] = []
        self._in_flight = in_flight

    def __call__(self, tiles: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        taken: deque[np.ndarray] = deque()
        for tile in tiles:
            self.ran.append(tile)
            taken.append(tile)
            if len(taken) > self._in_flight:
                yield taken.popleft() * 2
        while taken:
            yield taken.popleft() * 2


@pytest.mark.parametrize("in_flight", [0, 1, 3])
@pytest.mark.parametrize("changed", [(), (0,), (3,), (1, 2), (0, 1, 2, 3)])
def test_only_what_changed_is_computed_and_the_order_stays(in_flight, changed):
    engine, memory = Engine(in_flight), TileMemory()
    list(memory.stream(engine)(iter(TILES)))
    after = [tile + (1 if place in changed else 0) for place, tile in enumerate(TILES)]
    outputs = list(memory.stream(engine)(iter(after)))
    assert all(np.array_equal(output, tile * 2) for output, tile in zip(outputs, after, strict=True))
    assert len(engine.ran) == 4 + len(changed)
    assert (memory.count.tiles, memory.count.exact, memory.count.near) == (8, 4 - len(changed), 0)


def test_the_last_bit_counts():
    engine, memory = Engine(), TileMemory()
    list(memory.stream(engine)(iter(TILES)))
    after = [tile.copy() for tile in TILES]
    after[2][0, 0, 0, 0] = np.nextafter(after[2][0, 0, 0, 0], np.float32(2))
    list(memory.stream(engine)(iter(after)))
    assert len(engine.ran) == 5


def test_what_was_forgotten_is_computed():
    engine, memory = Engine(), TileMemory()
    for _ in range(2):
        list(memory.stream(engine)(iter(TILES)))
        memory.forget()
    assert len(engine.ran) == 8 and memory.count.exact == 0 and memory.count.lines() == []


def test_nearly_equal_tiles_by_their_distance_to_what_was_computed():
    """Many small steps do not add up: each is held against the tile that gave the output."""
    engine, memory = Engine(), TileMemory(near_db=40)
    outputs = [next(memory.stream(engine)(iter([TILES[0] + 0.004 * step]))) for step in range(6)]
    assert memory.count.near == 4  # steps of 48, 42 dB are near; the third, of 38.4 dB, is computed, and so on
    assert np.array_equal(outputs[2], outputs[0]) and not np.array_equal(outputs[3], outputs[0])


def test_the_sample_says_what_it_costs_and_changes_nothing():
    engine, memory = Engine(), TileMemory(near_db=40)
    first, *others = (
        list(memory.stream(engine)(iter([TILES[0] * 0.4 + 0.001 * (k % 2)]))) for k in range(2 * SAMPLE_EVERY + 3)
    )
    assert all(np.array_equal(frame[0], first[0]) for frame in others)
    facts = memory.count.facts()
    assert facts["sampled_tiles"] == 2 and len(engine.ran) == 1 + 2
    assert facts["worst_difference_of_255"] == pytest.approx(0.51, abs=0.01)
    assert "nearly equal" in memory.count.lines()[0] and "at most 0.51 of 255" in memory.count.lines()[1]


def test_between_tiler_and_engine_nothing_changes():
    picture = RNG.random((1, 3, 21, 30), dtype=np.float32)

    def enlarge(tiles):
        return (np.repeat(np.repeat(tile, 2, 2), 2, 3) for tile in tiles)

    plain = [strip for _, strip in stream_rows(enlarge, picture, 2, (8, 8), 2)]
    memory = TileMemory()
    for _ in range(2):
        through = [strip for _, strip in stream_rows(memory.stream(enlarge), picture, 2, (8, 8), 2)]
        assert all(np.array_equal(one, other) for one, other in zip(plain, through, strict=True))
    assert memory.count.exact == memory.count.tiles / 2


@pytest.mark.parametrize("in_flight", [0, 1, 3, 7])
def test_frames_in_one_stream_before_the_engine_has_answered(in_flight):
    """A tile may be known whose output is still to come."""
    engine, memory = Engine(in_flight), TileMemory()
    frames = [TILES, [TILES[0], TILES[1] + 1, *TILES[2:]], [TILES[0], TILES[1] + 1, TILES[2], TILES[3] + 2]]

    def tiles():
        for frame in frames:
            memory.begin_frame()
            yield from frame

    outputs = list(memory.stream(engine)(tiles()))
    assert all(np.array_equal(sr, tile * 2) for sr, tile in zip(outputs, chain(*frames), strict=True))
    assert len(engine.ran) == 4 + 1 + 1 and memory.count.exact == 12 - 6


def test_the_share_of_tiles_that_change():
    """One pixel at the lower right changes, every other time; frames that are the same again do not count."""
    still = np.zeros((1, 3, 20, 30), np.float32)
    moved = still.copy()
    moved[0, 1, 18, 29] = 1
    frames = [still, moved, moved, still, still]
    shares = new_shares(iter(frames), [(20, 30), (12, 30), (12, 17), (8, 8)], 4)
    assert shares == {(20, 30): 1.0, (12, 30): 1 / 2, (12, 17): 1 / 4, (8, 8): 1 / 28}
    assert new_shares(iter(frames), [(4, 4)], 4) == {}  # no larger than the overlap
    assert new_shares(iter([still, still]), [(20, 30)], 4) == {}  # nothing changes: nothing is known
