"""Images of every size on fixed-shape artifacts: overlapping tiles, feathered into a partition of unity.

On each axis the tiles are spread evenly, neighbours share at least `overlap` LR pixels, and the change from
one tile to the next lies in the middle of what they share: the pixels next to a tile's edge, which saw
padding instead of the image, are thrown away. Each tile's weight is the difference of two ramps, so the
weights sum to one by construction. Axes shorter than a tile are continued by reflection at the bottom and
the right (`Fill`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import BackendError, InputError
from dlgsanet.imaging.pixels import Pixels
from runtimes.bundle.field_types import Fill
from runtimes.runner.overlap import DEFAULT_FILL, DEFAULT_OVERLAP

Array = NDArray[np.float32]
Tile = tuple[int, int]
"""Height and width of a tile, in LR pixels."""

Infer = Callable[[Array], Array]
Stream = Callable[[Iterator[Array]], Iterator[Array]]
"""Tiles in, upscaled tiles out, one for one and in order; it may take a tile or two ahead of what it gives."""

_EQUAL: Mapping[Tile, float] = MappingProxyType({})

RANGE_TOLERANCE = 1e-4
"""How far outside [0, 1] an input may lie: rounding in a resize, not another value range."""

FEATHER = 0.5
"""Part of the overlap over which one tile fades into the next; the rest, half on each side, is thrown away."""


@dataclass(frozen=True)
class Span:
    """One tile on one axis: LR pixels from `start`; its weight is not zero on the HR pixels [low, high) only.

    `weight` has high - low values in (0, 1]: it rises, is 1, and falls.
    """

    start: int
    low: int
    high: int
    weight: Array

    def within(self, low: int, high: int) -> Span:
        """The part of it on the HR pixels [low, high); empty where it has none there."""
        low = min(max(self.low, low), self.high)
        high = max(min(self.high, high), low)
        return Span(self.start, low, high, self.weight[low - self.low : high - self.low])

    def pieces(self) -> list[tuple[slice, Array | None]]:
        """Where it rises, where it is 1 (None in place of the weights), and where it falls, as far as there are any."""
        ones = np.flatnonzero(self.weight == 1)
        first, last = (int(ones[0]), int(ones[-1]) + 1) if ones.size else (len(self.weight), len(self.weight))
        rise, fall = slice(0, first), slice(last, len(self.weight))
        found = [(rise, self.weight[rise]), (slice(first, last), None), (fall, self.weight[fall])]
        return [(part, weight) for part, weight in found if part.start < part.stop]


@dataclass(frozen=True)
class Grid:
    """The tiles of one image: every row with every column, row by row. `hr`: the upscaled image's height and width."""

    scale: int
    tile: Tile
    rows: Sequence[Span]
    columns: Sequence[Span]
    hr: Tile
    fill: Fill

    @staticmethod
    def over(image_hw: Tile, scale: int, tile: Tile, overlap: int, fill: Fill = DEFAULT_FILL) -> Grid:
        rows, columns = (axis_spans(*axis, overlap, scale) for axis in zip(image_hw, tile, strict=True))
        return Grid(scale, tile, rows, columns, (image_hw[0] * scale, image_hw[1] * scale), fill)

    @property
    def count(self) -> int:
        return len(self.rows) * len(self.columns)

    def places(self) -> Iterator[tuple[Span, Span]]:
        """Row and column of every tile."""
        return itertools.product(self.rows, self.columns)

    def cut(self, lr: Pixels) -> Iterator[Array]:
        """Its tiles of one image."""
        return (_cut(lr, self.tile, row, column, self.fill) for row, column in self.places())

    def join(self, answers: Iterator[Array], out: Array, down: Tile | None = None, across: Tile | None = None) -> Array:
        """Add the upscaled tiles to `out`, of the image's upscaled size; it takes no answer more. It holds zeros in the
        HR rows from `down[0]` to `down[1]` and the columns of `across`, all of them without these, and is left as it is
        elsewhere."""
        rows, columns = down or (0, self.hr[0]), across or (0, self.hr[1])
        for row, column in ((row.within(*rows), column.within(*columns)) for row, column in self.places()):
            answer = next(answers)
            if row.low < row.high and column.low < column.high:
                place = out[:, :, row.low : row.high, column.low : column.high]
                _blend(place, answer, self.scale, self.tile, row, column)
        return out


def middle_tile(picture: Array, tile: tuple[int, int]) -> Array:
    """One tile from the middle of a picture (1, 3, H, W); a picture smaller than the tile is repeated."""
    lacking = [max(0, side - had) for side, had in zip(tile, picture.shape[2:], strict=True)]
    wide = np.pad(picture, ((0, 0), (0, 0), (0, lacking[0]), (0, lacking[1])), mode="wrap")
    top, left = ((had - side) // 2 for side, had in zip(tile, wide.shape[2:], strict=True))
    return np.ascontiguousarray(wide[:, :, top : top + tile[0], left : left + tile[1]])


def axis_spans(length: int, tile: int, overlap: int, scale: int) -> list[Span]:
    """Return the tiles of one axis of `length` LR pixels, from the first to the last.

    Their weights sum to 1 on each of the length * scale HR pixels. Raises InputError for a tile below 1, an
    overlap below 0, or, where more than one tile is needed, an overlap that is not smaller than the tile.
    """
    count = _axis_count(length, tile, overlap)
    if count == 1:
        return [Span(0, 0, length * scale, np.ones(length * scale, np.float32))]
    starts = [index * (length - tile) // (count - 1) for index in range(count)]
    middles = [(right + left + tile) / 2 * scale for left, right in itertools.pairwise(starts)]
    width = overlap * FEATHER * scale
    spans = []
    for start, before, after in zip(starts, [-math.inf, *middles], [*middles, math.inf], strict=True):
        first = start * scale
        centre = np.arange(first, first + tile * scale) + 0.5
        weight = _ramp(centre - before, width) - _ramp(centre - after, width)
        used = np.flatnonzero(weight)
        low, high = int(used[0]), int(used[-1]) + 1
        spans.append(Span(start, first + low, first + high, weight[low:high].astype(np.float32)))
    return spans


def _ramp(distance: NDArray[np.floating[Any]], width: float) -> NDArray[np.floating[Any]]:
    """Rise from 0 to 1 over `width` HR pixels around distance 0; a step where the width is below one."""
    risen: NDArray[np.floating[Any]] = np.clip(distance / max(width, 1e-9) + 0.5, 0.0, 1.0)
    return risen


def upscale_tiled(
    infer: Infer,
    lr: Array,
    scale: int,
    tile: tuple[int, int],
    overlap: int = DEFAULT_OVERLAP,
    fill: Fill = DEFAULT_FILL,
) -> Array:
    """Upscale `lr` (N x 3 x H x W, float32) by running `infer` on 1 x 3 x tile; return N x 3 x scale*H x
    scale*W.

    Beyond the output it needs the memory of one tile. The result does not depend on the order of the tiles
    but for the rounding of a sum (1e-6). An image of one tile's size is returned exactly as `infer` gives
    it.
    """
    return upscale_stream(one_by_one(infer), lr, scale, tile, overlap, fill)


def one_by_one(infer: Infer) -> Stream:
    """The stream that takes the next tile only when the last one is done."""
    return lambda tiles: map(infer, tiles)


def upscale_stream(
    run: Stream,
    lr: Array,
    scale: int,
    tile: tuple[int, int],
    overlap: int = DEFAULT_OVERLAP,
    fill: Fill = DEFAULT_FILL,
) -> Array:
    """As `upscale_tiled`, with all tiles of all images through one stream."""
    batch, channels, height, width = require_nchw(lr, np.float32)
    out = np.zeros((batch, channels, height * scale, width * scale), np.float32)
    grid = Grid.over((height, width), scale, tile, overlap, fill)
    answers = run(cut for image in range(batch) for cut in grid.cut(lr[image : image + 1]))
    for image in range(batch):
        grid.join(answers, out[image : image + 1])
    return out


def iter_rows(
    infer: Infer, lr: Array, scale: int, tile: tuple[int, int], overlap: int = DEFAULT_OVERLAP
) -> Iterator[tuple[int, Array]]:
    """Upscale one image (1 x 3 x H x W) and yield `(y0, strip)`: finished HR rows from y0 on, top to bottom.

    strip is 1 x 3 x rows x scale*W. Memory is bounded by one row of tiles, however high the image is; the
    strips put together equal `upscale_tiled`.
    """
    return stream_rows(one_by_one(infer), lr, scale, tile, overlap)


def stream_rows(
    run: Stream, lr: Pixels, scale: int, tile: tuple[int, int], overlap: int = DEFAULT_OVERLAP
) -> Iterator[tuple[int, Array]]:
    """As `iter_rows`, with all tiles through one stream. Samples of 8 or 16 bits become floats in [0, 1] tile by
    tile."""
    batch, channels, height, width = require_nchw(lr, np.float32, np.uint8, np.uint16)
    if batch != 1:
        raise InputError(f"expected one image to stream, found a batch of {batch}: call it once for each image")
    grid = Grid.over((height, width), scale, tile, overlap)
    answers, rows = run(grid.cut(lr)), grid.rows
    done = 0
    carried = np.zeros((1, channels, 0, width * scale), np.float32)
    for index, row in enumerate(rows):
        later = rows[index + 1 :]
        finished = min((span.low for span in later), default=height * scale)
        strip = np.zeros((1, channels, max(row.high, done + carried.shape[2]) - done, width * scale), np.float32)
        strip[:, :, : carried.shape[2]] = carried
        for column in grid.columns:
            place = strip[:, :, row.low - done : row.high - done, column.low : column.high]
            _blend(place, next(answers), scale, tile, row, column)
        carried = strip[:, :, finished - done :].copy()
        yield done, strip[:, :, : finished - done]
        done = finished


def _cut(lr: Pixels, tile: tuple[int, int], row: Span, column: Span, fill: Fill) -> Array:
    """One tile of one image, mirrored beyond its edges, as floats."""
    ys = _continued(row.start, tile[0], lr.shape[2], fill)
    xs = _continued(column.start, tile[1], lr.shape[3], fill)
    cut = np.ascontiguousarray(lr[:, :, ys][:, :, :, xs])
    floats: Array = cut.astype(np.float32, copy=False)
    if cut.dtype != np.float32:
        floats /= np.float32(255 if cut.dtype == np.uint8 else 65535)
    return floats


def _blend(place: Array, sr: Array, scale: int, tile: tuple[int, int], row: Span, column: Span) -> None:
    """Add the part of an upscaled tile that counts, times its weights, to its place; where they are 1 no other tile
    counts, and it is put there."""
    if sr.shape[2:] != (tile[0] * scale, tile[1] * scale):
        raise BackendError(f"expected {tile[0]}x{tile[1]} pixels upscaled x{scale}, found an output of {sr.shape}")
    y, x = row.start * scale, column.start * scale
    part = sr[:, :, row.low - y : row.high - y, column.low - x : column.high - x]
    for ys, down in row.pieces():
        for xs, across in column.pieces():
            piece = part[:, :, ys, xs]
            if down is None and across is None:
                place[:, :, ys, xs] = piece
            else:
                down_or_1 = np.ones(1, np.float32) if down is None else down
                place[:, :, ys, xs] += piece * (down_or_1[:, None] * (1 if across is None else across))


def _continued(start: int, tile: int, length: int, fill: Fill) -> slice | NDArray[np.intp]:
    """Indices of `tile` pixels from `start`, mirrored as often as needed beyond `length`.

    Written out since numpy's reflect mode has changed between versions for padding wider than the image.
    """
    if start + tile <= length:
        return slice(start, start + tile)
    twice = 1 if fill == "symmetric" else 0  # how often more the edge pixel stands there
    period = max(2 * (length - 1 + twice), 1)
    index = np.arange(start, start + tile, dtype=np.intp) % period
    return np.where(index < length, index, (period - twice - index) % length)


def require_nchw(lr: Pixels, *dtypes: type) -> tuple[int, int, int, int]:
    """Its shape. Raises InputError for what is no NCHW image of one of `dtypes`."""
    if lr.ndim != 4 or lr.dtype not in dtypes or 0 in lr.shape:
        raise InputError(f"expected a non-empty NCHW float32 image, found {lr.dtype} of shape {lr.shape}")
    return lr.shape[0], lr.shape[1], lr.shape[2], lr.shape[3]


def require_image(lr: Pixels) -> None:
    """Refuse what is not a batch of NCHW float32 RGB images in [0, 1]."""
    if not isinstance(lr, np.ndarray):
        raise InputError(f"expected a NumPy array, found {type(lr).__name__}; convert it, as a tensor with .numpy()")
    if lr.ndim != 4 or lr.shape[1] != 3 or 0 in lr.shape:
        raise InputError(f"expected an image of shape N x 3 x H x W, found {lr.shape}")
    if lr.dtype != np.float32:
        raise InputError(f"expected float32 pixels in [0, 1], found {lr.dtype}; divide by the maximum and convert")
    low, high = float(lr.min()), float(lr.max())
    if not np.isfinite(low) or not np.isfinite(high):
        raise InputError("expected pixels in [0, 1], found NaN or infinity in the image")
    if low < -RANGE_TOLERANCE or high > 1 + RANGE_TOLERANCE:
        raise InputError(
            f"expected pixels in [0, 1], found {low:g} to {high:g}; divide by the maximum (255 for 8 bits)"
        )


def tile_count(image_hw: tuple[int, int], tile: tuple[int, int], overlap: int = DEFAULT_OVERLAP) -> int:
    """Return how many tiles an image (H, W) takes. Raises InputError as `axis_spans` does."""
    return math.prod(_axis_count(length, size, overlap) for length, size in zip(image_hw, tile, strict=True))


def _axis_count(length: int, tile: int, overlap: int) -> int:
    if tile < 1 or overlap < 0 or length < 1:
        raise InputError(
            f"expected image and tile of at least 1 pixel and overlap of at least 0, found {length}, {tile} "
            f"and {overlap}"
        )
    if length <= tile:
        return 1
    if overlap >= tile:
        raise InputError(f"overlap {overlap} must be smaller than the tile ({tile} pixels): give a smaller overlap")
    return math.ceil((length - tile) / (tile - overlap)) + 1


def nearest_tile(
    tiles: Sequence[tuple[int, int]],
    image_hw: tuple[int, int],
    overlap: int = DEFAULT_OVERLAP,
    pixel_costs: Mapping[tuple[int, int], float] = _EQUAL,
) -> tuple[int, int]:
    """Return the tile in which this image costs least: pixels computed, times what a pixel takes in that tile
    (`pixel_costs`, 1 where it is not known); of equal ones the largest (fewer seams).

    Tiles that are too small for the overlap are left out; if all are, the largest is returned, and tiling
    with it says what is wrong. Raises ValueError without tiles.
    """

    def fits(tile: tuple[int, int]) -> bool:
        return all(length <= size or overlap < size for length, size in zip(image_hw, tile, strict=True))

    def cost(tile: tuple[int, int]) -> tuple[float, int]:
        area = math.prod(tile)
        return tile_count(image_hw, tile, overlap) * area * pixel_costs.get(tile, 1.0), -area

    fitting = [tile for tile in tiles if fits(tile)]
    return min(fitting, key=cost) if fitting else max(tiles, key=math.prod)
