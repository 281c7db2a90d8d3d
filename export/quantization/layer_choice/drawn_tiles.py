"""Tiles drawn by formula that hold a choice of INT8 layers, and how far each may move.

Photographs and pages, which ranges are learnt from, hide two faults that the probe tiles show. A tile of one colour is
rounded alike at every pixel, so that nothing averages out; and a checker reaches farther than any photograph, so that
it is clipped. Either moves the mean of a tile. Text shows a third one: few layers, whose values are largest at its
strokes, are rounded so coarsely that letters lose what a photograph never misses. That moves no mean but adds squared
errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dlgsanet.imaging.pixels import to_nchw
from dlgsanet.imaging.resize import crop_to_multiple, downscale_matlab8
from export.quantization.drawn_pages import drawn_pages
from runtimes.runner.fidelity.likeness import probe_figures
from runtimes.runner.fidelity.probes import FLAT, PROBES, probe
from runtimes.runner.tiling import Array, Tile

FLAT_LEVELS, BUSY_LEVELS = 0.6, 1.0
"""What the mean of a colour may move by on a probe tile of one colour and on the others, in levels of 255: half of what
`check` allows INT8, since another processor rounds otherwise."""

PAGE_DB = 55.0
"""Decibels to the float graph that a page keeps at least."""

PAGES_SEED = 20261201
"""Of the pages: none that ranges are learnt from."""

Moved = list[float]
"""How far a tile moved, in shares of what is allowed: of a probe tile the mean of each colour, signed; of a page the
squared error. What layers move it by adds up, nearly."""


@dataclass(frozen=True)
class DrawnTile:
    """`lr`: 1 x 3 x H x W float32 in [0, 1]; `moved`: by the output (first) against the float graph's."""

    lr: Array
    moved: Callable[[Array, Array], Moved]


@lru_cache(maxsize=4)  # every target of an export asks
def drawn_tiles(tile: Tile, scale: int, page_db: float = PAGE_DB) -> Mapping[str, DrawnTile]:
    """All of them, by name: the probe tiles, then the pages, which keep `page_db` to the float graph."""
    return {**{name: _probe(name, tile) for name in PROBES}, **_pages(tile, scale, page_db)}


def _probe(name: str, tile: Tile) -> DrawnTile:
    def moved(sr: Array, answer: Array) -> Moved:
        allowed = FLAT_LEVELS if name in FLAT else BUSY_LEVELS
        return [shift / allowed for shift in probe_figures(name, sr, answer).shift]

    return DrawnTile(probe(name, tile), moved)


def _pages(tile: Tile, scale: int, page_db: float) -> Mapping[str, DrawnTile]:
    """The top left of each page, which is continued by reflection where it is smaller."""

    def moved(sr: Array, answer: Array) -> Moved:
        error = np.clip(sr, 0, 1) - np.clip(answer, 0, 1)
        return [float(np.mean(error * error, dtype=np.float64)) * 10 ** (page_db / 10)]

    found = {}
    for name, page in drawn_pages(PAGES_SEED).items():
        lr = downscale_matlab8(crop_to_multiple(page, scale), scale)
        missing = [(0, max(0, side - length)) for side, length in zip(tile, lr.shape[:2], strict=True)]
        cut = np.pad(lr, (*missing, (0, 0)), mode="reflect")[: tile[0], : tile[1]]
        found[f"page {name}"] = DrawnTile(to_nchw(cut).astype(np.float32), moved)
    return found
