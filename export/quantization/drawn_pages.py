"""Pages of text-like strokes and flat graphics, drawn by formula: what photographs lack and quantization must know.

No font is needed, so that the same seed gives the same pixels everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Page = NDArray[np.float64]  # (H, W, 3) in [0, 1]
Ink = NDArray[np.float64]  # coverage, (h, w) in [0, 1]

SIDE = 640
SIZES = 3  # of letters, on a page; each has LETTERS different ones
LETTERS = 16
STROKES = (2, 5)  # of a letter: at least, and fewer than
COLOURS = ((0, 0, 0), (1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1), (1, 0, 1))


@lru_cache(maxsize=4)  # drawing takes more than a second, and every tile of an export asks
def drawn_pages(seed: int, side: int = SIDE) -> Mapping[str, NDArray[np.uint8]]:
    """Name -> page, (side, side, 3) uint8, read-only: print in small and large letters, light print on dark paper,
    slides, charts.

    `side`: at least 64 pixels.
    """
    rng = np.random.default_rng(seed)
    black, white = COLOURS[:2]
    pages = {
        "print": _text(_paper(side, white), rng, (6, 14), [black]),
        "headlines": _text(_paper(side, white), rng, (18, 60), [black]),
        "night": _text(_paper(side, black), rng, (6, 24), [white]),
        "terminal": _text(_paper(side, (0.1, 0.1, 0.15)), rng, (8, 12), [(0.9, 0.9, 0.9), *COLOURS[2:]]),
        "notes": _text(_paper(side, (0.95, 0.9, 0.7)), rng, (10, 30), [(0.3, 0.2, 0.1), (0.1, 0.1, 0.5)]),
        **{f"slide-{number}": _slide(side, rng) for number in range(1, 5)},
        **{f"chart-{number}": _chart(side, rng) for number in range(1, 3)},
    }
    found = {name: np.round(255 * page.clip(0, 1)).astype(np.uint8) for name, page in pages.items()}
    for page in found.values():
        page.setflags(write=False)
    return found


def _paper(side: int, colour: tuple[float, ...]) -> Page:
    return np.tile(np.array(colour, np.float64), (side, side, 1))


def _text(page: Page, rng: np.random.Generator, sizes: tuple[int, int], colours: list[tuple[float, ...]]) -> Page:
    """Fill a page with lines of words; every line has a size of letters (pixels, least and most) and a colour."""
    top, side = 4, page.shape[1]
    alphabets = [_alphabet(int(rng.integers(sizes[0], sizes[1] + 1)), rng) for _ in range(SIZES)]
    while top < page.shape[0]:
        letters = alphabets[int(rng.integers(SIZES))]
        size = letters[0].shape[0]
        colour = np.array(colours[int(rng.integers(len(colours)))], float)
        left = 4 + int(rng.integers(0, 2 * size))
        while left < side:
            if rng.random() < 0.17:
                left += size // 2
            letter = letters[int(rng.integers(len(letters)))]
            _ink(page, letter, top, left, colour)
            left += letter.shape[1]
        top += int(size * rng.uniform(1.3, 2.0))
    return page


def _alphabet(size: int, rng: np.random.Generator) -> list[Ink]:
    weight = max(1.0, size * rng.uniform(0.07, 0.2))
    return [_letter(size, weight, rng) for _ in range(LETTERS)]


def _letter(size: int, weight: float, rng: np.random.Generator) -> Ink:
    """Straight and round strokes between the corners and middles of a box; edges are one pixel soft."""
    wide = max(3, int(size * rng.uniform(0.45, 0.8)))
    rows, cols = np.mgrid[0:size, 0:wide] + 0.5
    margin = 0.5 * weight + 0.5
    ys, xs = np.linspace(margin, size - margin, 3), np.linspace(margin, wide - margin - 1, 3)
    distance = np.full((size, wide), np.inf)
    for _ in range(int(rng.integers(*STROKES))):
        (y0, y1), (x0, x1) = rng.choice(ys, 2), rng.choice(xs, 2)
        if rng.random() < 0.35:
            radius = np.hypot(size / 4, wide / 4)
            stroke = np.abs(np.hypot(rows - y0, cols - xs[1]) - radius * rng.uniform(0.6, 1.2))
        else:
            length = max((y1 - y0) ** 2 + (x1 - x0) ** 2, 1e-9)
            along = (((rows - y0) * (y1 - y0) + (cols - x0) * (x1 - x0)) / length).clip(0, 1)
            stroke = np.hypot(rows - y0 - along * (y1 - y0), cols - x0 - along * (x1 - x0))
        distance = np.minimum(distance, stroke)
    return (0.5 + weight / 2 - distance).clip(0, 1)


def _ink(page: Page, ink: Ink, top: int, left: int, colour: NDArray[np.float64]) -> None:
    place = page[top : top + ink.shape[0], left : left + ink.shape[1]]
    cover = ink[: place.shape[0], : place.shape[1], None]
    place += cover * (colour - place)


def _colours(rng: np.random.Generator) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Two that can be told apart: saturated ones, or blends with grey."""
    first, second = rng.choice(len(COLOURS), 2, replace=False)
    grey = rng.uniform(0, 0.5) * (rng.random() < 0.5)
    pair = [np.array(COLOURS[index], float) * (1 - grey) + grey / 2 for index in (first, second)]
    return tuple(pair[0]), tuple(pair[1])


def _slide(side: int, rng: np.random.Generator) -> Page:
    """A shaded backdrop, framed boxes with text in two colours, and an object of smooth shades."""
    ink, paper = _colours(rng)
    shade = np.linspace(rng.uniform(0.5, 1), 1, side)[:, None, None]
    page = _text(_paper(side, paper) * shade, rng, (12, 40), [ink])
    for _ in range(4):
        high, wide = (int(side * share) for share in rng.uniform(0.15, 0.45, 2))
        top, left = int(rng.integers(0, side - high)), int(rng.integers(0, side - wide))
        box = page[top : top + high, left : left + wide]
        ink, paper = _colours(rng)
        box[:] = ink  # the frame
        frame = int(rng.integers(1, 5))
        inside = box[frame:-frame, frame:-frame]
        inside[:] = paper
        if rng.random() < 0.7:
            _text(inside, rng, (8, 26), [ink])
        else:
            rows, cols = np.mgrid[0 : inside.shape[0], 0 : inside.shape[1]] / side
            waves = [np.sin(rng.uniform(10, 40) * rows + rng.uniform(10, 40) * cols) for _ in range(3)]
            inside[:] = 0.5 + 0.5 * np.stack(waves, 2)
    return page


def _chart(side: int, rng: np.random.Generator) -> Page:
    """Grid lines, bars and curves of saturated colours on white, with small print below."""
    page = _paper(side, COLOURS[1])
    page[:: int(rng.integers(16, 40))] = 0.8
    page[:, :: int(rng.integers(16, 40))] = 0.8
    step = side // 8
    for bar in range(8):
        top = int(rng.uniform(0.2, 0.8) * side)
        page[top:, bar * step + 4 : bar * step + int(step * rng.uniform(0.3, 0.9))] = COLOURS[int(rng.integers(2, 8))]
    rows, cols = np.mgrid[0:side, 0:side]
    for _ in range(3):
        curve = side * (0.4 + 0.3 * np.sin(cols / side * rng.uniform(4, 20) + rng.uniform(0, 6)))
        near = (0.5 + rng.uniform(0.5, 2) - 0.7 * np.abs(rows - curve)).clip(0, 1)[..., None]
        page += near * (np.array(COLOURS[int(rng.integers(2, 8))], float) - page)
    page[-side // 6 :] = 1.0
    _text(page[-side // 6 :], rng, (7, 12), [COLOURS[0]])
    return page
