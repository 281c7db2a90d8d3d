"""How like the reference's an artifact's pictures are, in what eyes see; figures in levels of 255.

Decibels of the whole hide what a few pixels, one colour or one place of every tile show.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from runtimes.runner.fidelity.contrast import ContrastSums
from runtimes.runner.fidelity.places import Errors, PlaceErrors
from runtimes.runner.fidelity.probes import LEVELS
from runtimes.runner.tiling import Array, Span, Tile, axis_spans

PATCH = 8
"""HR pixels of a patch's side."""

NEAR = 8.0
"""Levels from black and white within which the reference counts as black or white."""

_ENOUGH = 256  # samples without which black and white are not judged


@dataclass(frozen=True)
class Likeness:
    """One artifact on one data set, in levels of 255 unless it says otherwise; None where the images have none of it.

    `shift`: mean error of R, G, B, and `image_shift` the largest of one image. `speck`, `line`, `step`, `dots`: of the
    mean error at each place of the tile (see `PlaceErrors`). `patch`: the largest root mean square of an 8x8 patch, in
    `patch_image`. `blacks`, `whites`: mean error, both clipped, where the reference is next to black or white.
    `chroma`: root mean square of Cb and Cr, the worst image. Gains less 1, as shares: `contrast` and `saturation` of
    everything but the mean, `detail` and `colour_detail` of neighbours' differences. `seams`: root mean square where
    tiles meet, less elsewhere.
    """

    shift: tuple[float, float, float]
    image_shift: float
    speck: float
    line: float
    step: float
    dots: float
    patch: float
    patch_image: str
    chroma: float
    blacks: float | None = None
    whites: float | None = None
    contrast: float | None = None
    saturation: float | None = None
    detail: float | None = None
    colour_detail: float | None = None
    seams: float | None = None


@dataclass(frozen=True)
class ProbeFigures:
    """One probe tile: mean error of R, G, B, and the largest root mean square of an 8x8 patch, in levels of 255."""

    probe: str
    shift: tuple[float, float, float]
    patch: float


@dataclass
class _Mean:
    total: float = 0.0
    count: int = 0

    def add(self, values: Array) -> None:
        self.total += float(values.sum(dtype=np.float64))
        self.count += values.size

    def value(self) -> float | None:
        return self.total / self.count if self.count >= _ENOUGH else None


@dataclass
class LikenessMeter:
    """Collects image by image; `tile` in LR pixels, `overlap` as the images were cut with."""

    tile: Tile
    scale: int
    overlap: int
    _image_shift: float = 0.0
    _patch: tuple[float, str] = (-1.0, "")
    _chroma: float = 0.0
    _blacks: _Mean = field(default_factory=_Mean)
    _whites: _Mean = field(default_factory=_Mean)
    _seam: _Mean = field(default_factory=_Mean)
    _inside: _Mean = field(default_factory=_Mean)
    _contrast: ContrastSums = field(default_factory=ContrastSums)

    def __post_init__(self) -> None:
        self._places = PlaceErrors(self.tile, self.scale)

    def add(self, name: str, sr: Array, reference: Array) -> None:
        """One image, both outputs 1 x 3 x sH x sW float32, finite, unclamped."""
        error: Errors = (sr[0] - reference[0]) * np.float32(LEVELS)
        rows, columns = (
            axis_spans(side // self.scale, size, self.overlap, self.scale)
            for side, size in zip(error.shape[1:], self.tile, strict=True)
        )
        self._places.add(error, rows, columns)
        self._image_shift = max(self._image_shift, *map(abs, _shift(error)))
        self._patch = max(self._patch, (largest_patch(error), name))
        self._chroma = max(self._chroma, self._contrast.add(error, reference[0] * np.float32(LEVELS)))
        self._add_ends(sr[0], reference[0])
        self._add_seams(error, rows, columns)

    def figures(self) -> Likeness:
        """Of all images so far. Raises ValueError without one."""
        if self._patch[0] < 0:
            raise ValueError("expected at least one image")
        red, green, blue = self._places.shift().tolist()
        inside, seam = self._inside.value(), self._seam.value()
        return Likeness(
            shift=(red, green, blue),
            image_shift=self._image_shift,
            speck=self._places.speck(),
            line=self._places.line(),
            step=self._places.step(),
            dots=self._places.dots(),
            patch=self._patch[0],
            patch_image=self._patch[1],
            chroma=self._chroma,
            blacks=self._blacks.value(),
            whites=self._whites.value(),
            **self._contrast.gains(),
            seams=None if inside is None or seam is None else float(np.sqrt(seam) - np.sqrt(inside)),
        )

    def _add_ends(self, sr: Array, reference: Array) -> None:
        near = np.float32(NEAR / LEVELS)
        for ends, mean in ((reference <= near, self._blacks), (reference >= 1 - near, self._whites)):
            if ends.any():
                mean.add(np.float32(LEVELS) * (np.clip(sr[ends], 0, 1) - np.clip(reference[ends], 0, 1)))

    def _add_seams(self, error: Errors, rows: Sequence[Span], columns: Sequence[Span]) -> None:
        """Squared errors where two tiles are mixed, and elsewhere; nothing where there is one tile only."""
        down, across = _mixed(rows, error.shape[1]), _mixed(columns, error.shape[2])
        if down.any() or across.any():
            squares, seam = (error * error).mean(0), down[:, None] | across[None]
            self._seam.add(squares[seam])
            self._inside.add(squares[~seam])


def probe_figures(name: str, sr: Array, reference: Array) -> ProbeFigures:
    """One probe tile, both outputs 1 x 3 x sH x sW float32. What is beyond black and white is not seen: both are
    clipped."""
    error: Errors = (np.clip(sr[0], 0, 1) - np.clip(reference[0], 0, 1)) * np.float32(LEVELS)
    return ProbeFigures(name, _shift(error), largest_patch(error))


def largest_patch(error: Errors) -> float:
    """The largest root mean square of an 8x8 patch over the three channels; patches do not overlap."""
    squares = (error * error).mean(0)
    height, width = (max(side // PATCH, 1) for side in squares.shape)
    whole = squares[: height * PATCH, : width * PATCH]
    folded = whole.reshape(height, whole.shape[0] // height, width, whole.shape[1] // width)
    return float(np.sqrt(folded.mean((1, 3)).max()))


def _shift(error: Errors) -> tuple[float, float, float]:
    red, green, blue = error.mean((1, 2), dtype=np.float64).tolist()
    return red, green, blue


def _mixed(spans: Sequence[Span], length: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which HR pixels of one axis are the mean of two tiles."""
    found = np.zeros(length, bool)
    for before, after in itertools.pairwise(spans):
        found[after.low : before.high] = True
    return found
