"""TLC for a fixed tile: cutting into overlapping windows and averaging them back, by slices and concats.

Cutting stacks windows on the batch axis, which is free because a tile is a batch of one; so nothing here
has more than four dimensions and every attention operation runs once for all windows.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dlgsanet.network.attention import window_starts
from export.rewriting.conv_algebra import split


@dataclass(frozen=True)
class Segment:
    """A stretch of one axis, in pixels from `start`, and the windows (by index) that cover all of it."""

    start: int
    length: int
    windows: tuple[int, ...]


@dataclass(frozen=True)
class Axis:
    """One axis of a tile of `length` pixels, covered by windows of `size` pixels at `starts`."""

    length: int
    size: int
    starts: tuple[int, ...]

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The axis cut wherever a window begins or ends, first to last."""
        edges = sorted({edge for start in self.starts for edge in (start, start + self.size)})
        found = []
        for low, high in itertools.pairwise(edges):
            covering = tuple(i for i, s in enumerate(self.starts) if s <= low and high <= s + self.size)
            found.append(Segment(low, high - low, covering))
        return tuple(found)


@dataclass(frozen=True)
class Windows:
    """All windows of a tile: `rows` x `cols` of them, each rows.size x cols.size pixels."""

    rows: Axis
    cols: Axis

    @property
    def count(self) -> int:
        return len(self.rows.starts) * len(self.cols.starts)

    def cut(self, x: Tensor) -> Tensor:
        """(1, C, H, W) -> (count, C, kh, kw), columns outermost: window (row i, column j) is j * rows + i."""
        return _cut_axis(_cut_axis(x, self.rows, 2), self.cols, 3)

    def merge(self, x: Tensor) -> Tensor:
        """(count, C, kh, kw) -> (1, C, H, W), the mean of all windows that cover a pixel."""
        return _merge_axis(_merge_axis(x, self.cols, 3, len(self.rows.starts)), self.rows, 2, 1)


def windows_for(tile: tuple[int, int], window: int) -> Windows:
    """The windows of the reference (`dlgsanet.network.attention.window_starts`) on a tile of (H, W)."""
    axes = [Axis(length, min(window, length), tuple(window_starts(length, window))) for length in tile]
    return Windows(axes[0], axes[1])


def _cut_axis(x: Tensor, axis: Axis, dim: int) -> Tensor:
    if len(axis.starts) == 1:
        return x
    return torch.cat([x.narrow(dim, start, axis.size) for start in axis.starts], 0)


def _merge_axis(x: Tensor, axis: Axis, dim: int, inner: int) -> Tensor:
    """Undo `_cut_axis`: batch entries of one window lie together, `inner` of them."""
    if len(axis.starts) == 1:
        return x
    segments = axis.segments
    pieces: dict[tuple[int, int], Tensor] = {}  # by (window, where the piece starts on the axis)
    for index, window in enumerate(split(x, [inner] * len(axis.starts), 0)):
        covered = [segment for segment in segments if index in segment.windows]
        for segment, piece in zip(covered, split(window, [s.length for s in covered], dim), strict=True):
            pieces[index, segment.start] = piece
    return torch.cat([_mean([pieces[i, s.start] for i in s.windows]) for s in segments], dim)


def _mean(parts: Sequence[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total if len(parts) == 1 else total * (1.0 / len(parts))
