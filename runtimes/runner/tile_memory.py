"""Tiles of a video that are as they were in the frame before: their outputs are used again.

Bit-equal tiles give bit-equal outputs, so that is exact. With a limit in dB, nearly equal ones count too; what that
costs is measured on a sample, which is computed as well but not used.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product

import numpy as np

from runtimes.runner.tiling import Array, Stream, Tile, axis_spans

SAMPLE_EVERY = 50
"""Of the tiles that were nearly equal, one in so many is computed too; the first is."""


@dataclass
class ReuseCount:
    """Tiles asked for, those of them that were used again, exactly or nearly; and differences of the sample in
    levels of 255, of the outputs as they would have been."""

    tiles: int = 0
    exact: int = 0
    near: int = 0
    worst: list[float] = field(default_factory=list)
    mean: list[float] = field(default_factory=list)

    def facts(self) -> dict[str, object]:
        """For programs."""
        found: dict[str, object] = {"tiles": self.tiles, "exact": self.exact, "near": self.near}
        if self.worst:
            found["sampled_tiles"] = len(self.worst)
            found["worst_difference_of_255"] = round(max(self.worst), 4)
            found["mean_difference_of_255"] = round(sum(self.mean) / len(self.mean), 5)
        return found

    def lines(self) -> list[str]:
        """For a person."""
        if not self.tiles or not self.exact + self.near:
            return []
        lines = [f"{(self.exact + self.near) / self.tiles:.1%} of the tiles reused, {self.exact} bit-equal"]
        if self.worst:
            lines[0] += f", {self.near} nearly equal"
            lines.append(
                f"what the nearly equal ones cost, on {len(self.worst)} of them: at most {max(self.worst):.2f} of 255, "
                f"on average {sum(self.mean) / len(self.mean):.3f}"
            )
        return lines


@dataclass
class _Computed:
    """A tile that the engine got, and its output once that is there."""

    tile: Array
    sr: Array | None = None


@dataclass(frozen=True)
class _Turn:
    """Whose output a tile takes: its own or that of one before it. `sampled`: it is computed all the same."""

    source: _Computed
    own: bool
    sampled: bool = False

    @property
    def asked(self) -> bool:
        return self.own or self.sampled


class TileMemory:
    """The tiles of the frame before, by place. `stream` stands between a tiler and the engine."""

    def __init__(self, near_db: float | None = None) -> None:
        """`near_db`: tiles of at least this PSNR to a tile that was computed take its output; None: bit-equal ones
        only."""
        self._most = None if near_db is None else 10 ** (-near_db / 10)
        self._known: dict[int, _Computed] = {}
        self._place = 0
        self.count = ReuseCount()

    def begin_frame(self) -> None:
        """The tiles that are taken from now on are the next frame's."""
        self._place = 0

    def forget(self) -> None:
        """The next frame is computed as a whole."""
        self._known.clear()

    def repeat(self) -> None:
        """A whole frame was the same again, and nobody asked for its tiles."""
        self.count.tiles += len(self._known)
        self.count.exact += len(self._known)

    def stream(self, run: Stream) -> Stream:
        """As `run`, for the tiles of frame after frame, without those that are known: the engine may not have answered
        them yet. What is known waits behind what is not, so frames without anything new wait until something is."""

        def known_or_run(tiles: Iterator[Array]) -> Iterator[Array]:
            waiting: deque[_Turn] = deque()

            def unknown() -> Iterator[Array]:
                for tile in tiles:
                    turn = self._look_up(self._place, tile)
                    self._place += 1
                    waiting.append(turn)
                    if turn.asked:
                        yield tile

            self.begin_frame()
            for sr in run(unknown()):
                while not waiting[0].asked:
                    yield _given(waiting.popleft())
                yield self._answered(waiting.popleft(), sr)
            while waiting:
                yield _given(waiting.popleft())

        return known_or_run

    def _look_up(self, place: int, tile: Array) -> _Turn:
        self.count.tiles += 1
        known = self._known.get(place)
        if known is not None and known.tile.shape == tile.shape:
            if np.array_equal(known.tile, tile):
                self.count.exact += 1
                return _Turn(known, own=False)
            if self._most is not None and _mean_square(known.tile, tile) <= self._most:
                self.count.near += 1
                return _Turn(known, own=False, sampled=self.count.near % SAMPLE_EVERY == 1)
        self._known[place] = _Computed(tile)
        return _Turn(self._known[place], own=True)

    def _answered(self, turn: _Turn, sr: Array) -> Array:
        if turn.own:
            turn.source.sr = sr
            return sr
        given = _given(turn)
        difference = np.abs(np.clip(sr, 0, 1) - np.clip(given, 0, 1)) * 255
        self.count.worst.append(float(difference.max()))
        self.count.mean.append(float(difference.mean()))
        return given


def _given(turn: _Turn) -> Array:
    assert turn.source.sr is not None  # answers come in order, and its source was asked for before it
    return turn.source.sr


def new_shares(frames: Iterable[Array], tiles: Sequence[Tile], overlap: int) -> dict[Tile, float]:
    """Of each tile that fits `overlap`, the share of a frame's tiles that differ from those of the frame before. Frames
    that are wholly equal are left out; empty where nothing ever changes."""
    changed: Counter[Tile] = Counter()
    pairs, counts = 0, dict[Tile, int]()
    for before, after in pairwise(frames):
        where = np.any(before != after, axis=(0, 1))
        if not where.any():
            continue
        pairs += 1
        for tile in (tile for tile in tiles if min(tile) > overlap):
            rows, columns = (axis_spans(*axis, overlap, 1) for axis in zip(where.shape, tile, strict=True))
            counts[tile] = len(rows) * len(columns)
            corners = [(row.start, column.start) for row, column in product(rows, columns)]
            changed[tile] += sum(bool(where[y : y + tile[0], x : x + tile[1]].any()) for y, x in corners)
    return {tile: changed[tile] / (pairs * count) for tile, count in counts.items()}


def _mean_square(one: Array, other: Array) -> float:
    difference = (one - other).ravel()
    return math.fsum([float(np.dot(difference, difference))]) / difference.size
