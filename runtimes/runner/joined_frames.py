"""Pictures of a video joined from tiles, one after another: what none of the new answers touches stays as it was."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from runtimes.runner.overlap import DEFAULT_OVERLAP
from runtimes.runner.tiling import Array, Grid, Stream, Tile, require_nchw


@dataclass(frozen=True)
class ChangedRows:
    """An upscaled picture, told by its difference from the one before: `rows`, 1 x 3 x n x scale*W float32, are the
    rows from HR row `top` on; all others are bit-equal. Of the first picture they are all. They are there until the
    next picture is asked for, which is joined in the same place."""

    top: int
    rows: Array


class _Joined:
    """The picture that was joined last, and the answers that it was joined from."""

    def __init__(self, grid: Grid, channels: int) -> None:
        self.grid = grid
        self._out = np.zeros((1, channels, *grid.hr), np.float32)
        self._answers: Sequence[Array | None] = [None] * grid.count

    def put(self, answers: Sequence[Array], band: int) -> ChangedRows:
        """Join where answers are not those of before, the very same arrays: in the smallest rectangle that holds these
        tiles, in the order in which a picture is joined as a whole, so that every sum is the same."""
        places = zip(self.grid.places(), answers, self._answers, strict=True)
        changed = [place for place, answer, before in places if answer is not before]
        self._answers = answers
        if not changed:
            return ChangedRows(0, self._out[:, :, :0])
        top, bottom = min(row.low for row, _ in changed), max(row.high for row, _ in changed)
        left, right = min(column.low for _, column in changed), max(column.high for _, column in changed)
        self._out[:, :, top:bottom, left:right] = 0
        self.grid.join(iter(answers), self._out, (top, bottom), (left, right))
        first, last = top // band * band, -(-bottom // band) * band
        return ChangedRows(first, self._out[:, :, first:last])


def upscale_each(
    run: Stream, pictures: Iterable[Array], scale: int, tile: Tile, overlap: int = DEFAULT_OVERLAP, band: int = 1
) -> Iterator[ChangedRows]:
    """Upscale pictures of one size, 1 x 3 x H x W, one after another, all tiles through one stream: it may have the
    first ones of the next picture while the last ones of this are computed. `run` may answer with an array that it gave
    at the same place before. Rows come in whole bands of `band` HR rows, counted from the top."""
    waiting: deque[tuple[Grid, int]] = deque()

    def cut() -> Iterator[Array]:
        for lr in pictures:
            _, channels, height, width = require_nchw(lr, np.float32)
            grid = Grid.over((height, width), scale, tile, overlap)
            waiting.append((grid, channels))
            yield from grid.cut(lr)

    joined: _Joined | None = None
    answers = run(cut())
    for first in answers:
        grid, channels = waiting.popleft()
        if joined is None or joined.grid.hr != grid.hr:
            joined = _Joined(grid, channels)
        yield joined.put([first, *islice(answers, grid.count - 1)], band)
