"""Probe tiles: flat, saturated, ramps, checkers, text and noise, drawn by formula for any size of tile.

Photographs have none of these, so a fault that only such a tile shows would pass on photographs alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from runtimes.runner.tiling import Array, Tile

Plane = NDArray[np.float64]
Colour = tuple[float, float, float]

BLACK, GREY, WHITE = (0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)
RED, GREEN, BLUE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
CYAN, MAGENTA, YELLOW = (0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0)
DARK, BRIGHT = (16 / 255,) * 3, (240 / 255,) * 3
STRENGTHS = (0.02, 0.1, 0.3)
"""Standard deviations of the noise around grey, in three bands."""

LEVELS = 255.0

_FINE = 4  # text is drawn so much larger and then averaged, as a scanner would
_GLYPH = (8, 6)  # LR pixels of a letter's cell
_SEED = 20261128


def probe(name: str, tile: Tile) -> Array:
    """One probe tile, 1 x 3 x H x W float32 in [0, 1], in whole 255ths as any picture. KeyError for another name."""
    return np.ascontiguousarray(np.rint(LEVELS * PROBES[name](tile)[None]), np.float32) / np.float32(LEVELS)


def _flat(colour: Colour) -> Callable[[Tile], Plane]:
    return lambda tile: np.broadcast_to(np.asarray(colour)[:, None, None], (3, *tile)).copy()


def _colours(tile: Tile) -> Plane:
    """Every saturated colour beside others: what goes wrong at a single pixel needs no tile of its own."""
    return _mosaic([_flat(it) for it in (RED, GREEN, BLUE, CYAN, MAGENTA, YELLOW, DARK, GREY, BRIGHT)], tile)


def _patterns(tile: Tile) -> Plane:
    """Ramps in both directions and between two colours; checkers of 1, 2 and 4 pixels, in grey and in colour."""
    pairs = ((RED, CYAN), (BLUE, YELLOW), (GREEN, MAGENTA))
    checkers = [_checker(size, BLACK, WHITE) for size in (1, 2, 4)]
    coloured = [_checker(size, *pair) for size, pair in zip((1, 2, 4), pairs, strict=True)]
    return _mosaic([_ramp(1, BLACK, WHITE), _ramp(0, BLACK, WHITE), _ramp(1, BLUE, YELLOW), *checkers, *coloured], tile)


def _noise(tile: Tile) -> Plane:
    random = np.random.default_rng(_SEED)
    strength = np.repeat(STRENGTHS, _parts(tile[0], len(STRENGTHS)))
    return np.clip(0.5 + strength[:, None] * random.standard_normal((3, *tile)), 0, 1)


def _text(tile: Tile) -> Plane:
    """Letters that mean nothing: dark on white above, then white on dark, then blue on yellow."""
    ink = _ink(tile)
    bands = np.repeat(np.arange(3), _parts(tile[0], 3))
    papers = np.asarray([WHITE, DARK, YELLOW])[bands].T[:, :, None]
    letters = np.asarray([DARK, WHITE, BLUE])[bands].T[:, :, None]
    return np.asarray(papers + ink[None] * (letters - papers))


PROBES: Mapping[str, Callable[[Tile], Plane]] = {
    "black": _flat(BLACK),
    "white": _flat(WHITE),
    "blue": _flat(BLUE),
    "colours": _colours,
    "patterns": _patterns,
    "text": _text,
    "noise": _noise,
    "grey": _flat(GREY),
    "red": _flat(RED),
    "green": _flat(GREEN),
    "cyan": _flat(CYAN),
    "magenta": _flat(MAGENTA),
    "yellow": _flat(YELLOW),
}
CORE = tuple(PROBES)[:7]
"""The probes of a short check."""

AT_BIRTH = ("text", "colours")
"""Those whose figures an artifact keeps from its export: what is hardest for INT8, and all saturated colours."""

FEWEST = ("blue",)
"""For what takes seconds a tile: one that is both flat and saturated."""

FLAT = frozenset(PROBES) - {"colours", "patterns", "text", "noise"}
"""Those of one colour."""


def _mosaic(blocks: Sequence[Callable[[Tile], Plane]], tile: Tile) -> Plane:
    """Nine blocks in three rows; those of a tile too small for them are empty."""
    heights, widths = _parts(tile[0], 3), _parts(tile[1], 3)
    rows = [
        np.concatenate([blocks[3 * row + column]((height, width)) for column, width in enumerate(widths)], 2)
        for row, height in enumerate(heights)
    ]
    return np.concatenate(rows, 1)


def _parts(length: int, count: int) -> list[int]:
    ends = [length * part // count for part in range(count + 1)]
    return [end - start for start, end in itertools.pairwise(ends)]


def _ramp(axis: int, start: Colour, end: Colour) -> Callable[[Tile], Plane]:
    def draw(tile: Tile) -> Plane:
        steps = np.linspace(0, 1, tile[axis])
        share = np.broadcast_to(steps[None, :] if axis else steps[:, None], tile)
        return _between(start, end, share)

    return draw


def _checker(size: int, first: Colour, second: Colour) -> Callable[[Tile], Plane]:
    def draw(tile: Tile) -> Plane:
        y, x = np.indices(tile) // size
        return _between(first, second, ((y + x) % 2).astype(np.float64))

    return draw


def _between(start: Colour, end: Colour, share: Plane) -> Plane:
    a, b = (np.asarray(colour)[:, None, None] for colour in (start, end))
    return np.asarray(a + share[None] * (b - a))


def _ink(tile: Tile) -> Plane:
    """0 for paper, 1 for ink. Every letter is some of five strokes; its cell is no whole number of pixels wide."""
    height, width = _GLYPH[0] * _FINE, _GLYPH[1] * _FINE + 1
    rows, columns = -(-tile[0] * _FINE // height), -(-tile[1] * _FINE // width)
    chosen = np.random.default_rng(_SEED).random((rows, columns, len(_strokes(height, width)))) < 0.5
    cells = (chosen[..., None, None] * _strokes(height, width)).max(2)
    page = cells.transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
    page = page[: tile[0] * _FINE, : tile[1] * _FINE]
    return np.asarray(page.reshape(tile[0], _FINE, tile[1], _FINE).mean((1, 3)))


def _strokes(height: int, width: int) -> Plane:
    """Left, right, top, middle and bottom, each as a cell of zeros and ones."""
    wide, gap = 5, 4
    bars = np.zeros((5, height, width))
    last, right = height - 2 * gap, width - gap
    bars[0, gap:last, gap : gap + wide] = 1
    bars[1, gap:last, right - wide : right] = 1
    for stroke, top in zip((2, 3, 4), (gap, (gap + last - wide) // 2, last - wide), strict=True):
        bars[stroke, top : top + wide, gap:right] = 1
    return bars
