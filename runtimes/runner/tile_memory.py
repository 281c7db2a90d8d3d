"""Tiles of a video that are as they were in the frame before: their outputs are used again.

Bit-equal tiles give bit-equal outputs, so that is exact. With a limit in dB, nearly equal ones count too; what that
costs is measured on a sample, which is computed as well but not used.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from runtimes.runner.tiling import Array, Stream

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


@dataclass(frozen=True)
class _Known:
    """A tile and its output."""

    tile: Array
    sr: Array


@dataclass(frozen=True)
class _Waiting:
    """A tile whose turn is to come: a known output, to be computed for the sample or not at all, or none yet."""

    place: int
    tile: Array
    known: _Known | None
    sampled: bool = False


class TileMemory:
    """The tiles of the frame before, by place. `stream` stands between a tiler and the engine."""

    def __init__(self, near_db: float | None = None) -> None:
        """`near_db`: tiles of at least this PSNR to a tile that was computed take its output; None: bit-equal ones
        only."""
        self._most = None if near_db is None else 10 ** (-near_db / 10)
        self._known: dict[int, _Known] = {}
        self.count = ReuseCount()

    def forget(self) -> None:
        """The next frame is computed as a whole."""
        self._known.clear()

    def repeat(self) -> None:
        """A whole frame was the same again, and nobody asked for its tiles."""
        self.count.tiles += len(self._known)
        self.count.exact += len(self._known)

    def stream(self, run: Stream) -> Stream:
        """As `run`, for the tiles of one frame, without those that are known."""

        def known_or_run(tiles: Iterator[Array]) -> Iterator[Array]:
            waiting: deque[_Waiting] = deque()

            def unknown() -> Iterator[Array]:
                for place, tile in enumerate(tiles):
                    turn = self._look_up(place, tile)
                    waiting.append(turn)
                    if turn.known is None or turn.sampled:
                        yield tile

            for sr in run(unknown()):
                while waiting[0].known is not None and not waiting[0].sampled:
                    yield self._given(waiting.popleft())
                yield self._answered(waiting.popleft(), sr)
            while waiting:
                yield self._given(waiting.popleft())

        return known_or_run

    def _look_up(self, place: int, tile: Array) -> _Waiting:
        self.count.tiles += 1
        known = self._known.get(place)
        if known is None or known.tile.shape != tile.shape:
            return _Waiting(place, tile, None)
        if np.array_equal(known.tile, tile):
            self.count.exact += 1
            return _Waiting(place, tile, known)
        if self._most is None or _mean_square(known.tile, tile) > self._most:
            return _Waiting(place, tile, None)
        self.count.near += 1
        return _Waiting(place, tile, known, sampled=self.count.near % SAMPLE_EVERY == 1)

    def _given(self, turn: _Waiting) -> Array:
        assert turn.known is not None
        return turn.known.sr

    def _answered(self, turn: _Waiting, sr: Array) -> Array:
        if turn.known is None:
            self._known[turn.place] = _Known(turn.tile, sr)
            return sr
        difference = np.abs(np.clip(sr, 0, 1) - np.clip(turn.known.sr, 0, 1)) * 255
        self.count.worst.append(float(difference.max()))
        self.count.mean.append(float(difference.mean()))
        return turn.known.sr


def _mean_square(one: Array, other: Array) -> float:
    difference = (one - other).ravel()
    return math.fsum([float(np.dot(difference, difference))]) / difference.size
