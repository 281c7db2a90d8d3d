"""Shapes of tiles that suit a frame: the attention's windows share a grid in them, and little is computed twice.

Windows of a side begin and end on a grid (`export.rewriting.passes.attention_by_cells`) whose step jumps from side to
side: 168 has one of 8 pixels, 169 of 1. A tile whose grid is too fine keeps the windows, and a pixel of it costs a
quarter more. So of all sides that cut an axis into n tiles only those count whose grid is coarser than that of
every smaller one. What a pixel costs in the shapes that are left grows slowly, and differently on every machine, when
a tile leaves the caches: a rough model ranks them, and the best of several sizes are then timed (`frame_tiles`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dlgsanet.errors import InputError
from export.rewriting.passes.attention_by_cells import LEAST_PIXELS
from runtimes.runner.overlap import DEFAULT_OVERLAP, DEFAULT_TILE
from runtimes.runner.tiling import Tile, tile_count

YARDSTICK = DEFAULT_TILE
MOST_PIXELS = 1 << 16  # of a tile: tiny-x4 takes about 450 MB to run it
LEAST_SIDE = 64  # where an axis is cut: smaller tiles differ more from the whole picture (docs/guides/tiling.md)
TIMED = 4  # shapes, beside the yardstick: each takes seconds to convert
LIKELY = 1.15  # of the best one's model: what is worse is not timed
APART = 1.25  # their pixels: shapes of nearly one size cost nearly the same
SEARCHED = 64  # sides above the least one
LEAST_STEP = 4  # of the windows' grid along either side
PER_DOUBLING = 0.06  # what a pixel costs more in a tile of twice, or half, the yardstick's pixels


@dataclass(frozen=True)
class Shape:
    """A tile (H, W), of which a frame takes so many, and the pixels computed for each of the frame's."""

    tile: Tile
    tiles: int
    computed: float

    @property
    def modelled(self) -> float:
        """What a frame's pixel costs against one of a YARDSTICK, roughly."""
        doublings = abs(math.log2(math.prod(self.tile) / math.prod(YARDSTICK)))
        return self.computed * (1 + PER_DOUBLING * doublings)


def shape_of(tile: Tile, frame: Tile) -> Shape:
    """How a frame (H, W) is covered by a tile at the default overlap."""
    count = tile_count(frame, tile, DEFAULT_OVERLAP)
    return Shape(tile, count, count * math.prod(tile) / math.prod(frame))


def shapes_for(
    frame: Tile, side_step: Callable[[int], int], fits: Callable[[Tile], bool] = lambda tile: True
) -> tuple[Shape, ...]:
    """The shapes to be timed for a frame (H, W), likely best first: at most TIMED, of sizes APART.

    `side_step`: see `export.networks.network.Network`; `fits`: whether a tile can be exported here. Raises InputError
    where none can.
    """
    sides = (_sides(length, side_step) for length in frame)
    likely = [
        shape_of((height, width), frame)
        for (height, rows), (width, columns) in itertools.product(*sides)
        if height * width <= MOST_PIXELS and rows * columns >= LEAST_PIXELS
    ]
    found: list[Shape] = []
    for shape in sorted(likely, key=lambda it: (it.modelled, it.tile)):
        if len(found) == TIMED or (found and shape.modelled > LIKELY * found[0].modelled):
            break
        if all(_apart(shape, other) for other in found) and fits(shape.tile):
            found.append(shape)
    if not found:
        raise InputError(
            f"no tile that suits frames of {frame[1]}x{frame[0]} fits into the free memory and is one that the network "
            "takes: give --tile"
        )
    return tuple(found)


def _apart(one: Shape, other: Shape) -> bool:
    ratio = math.prod(one.tile) / math.prod(other.tile)
    return max(ratio, 1 / ratio) >= APART


def _sides(length: int, side_step: Callable[[int], int]) -> list[tuple[int, int]]:
    """(side, step of its grid) that cut an axis of `length` pixels into 1, 2, ... tiles."""
    found: dict[int, int] = {}
    for least in _least_sides(length):
        coarsest = LEAST_STEP - 1
        for side in range(least, least + SEARCHED):
            step = side_step(side)
            if step > coarsest:
                coarsest = found[side] = step
    return sorted(found.items())


def _least_sides(length: int) -> Iterator[int]:
    """The smallest side of one tile, of each of two, ... that cover an axis."""
    yield max(length, DEFAULT_OVERLAP + 1)
    for count in itertools.count(2):
        side = math.ceil((length + (count - 1) * DEFAULT_OVERLAP) / count)
        if side < LEAST_SIDE:
            return
        yield side
