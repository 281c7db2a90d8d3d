"""Where an artifact's pictures are worst: the five images farthest from the reference, with maps of the error.

Each map is the piece of an image that holds most of the squared error, coloured from black (none) to yellow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.crops import SIDE, cut
from benchmarks.accuracy.verdicts import Conditions
from benchmarks.records.accuracy import ImageRow
from benchmarks.records.pictures import ErrorMap, png_text
from benchmarks.subjects.datasets import Sample
from benchmarks.subjects.subject import Subject
from dlgsanet.imaging.crop_choice import Box, fullest_box
from runtimes.runner.tiling import Array

WORST = 5
SCALES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 255.0)
"""Ends of the colour scale in 8-bit levels; an artifact's maps share the first that holds most of their errors."""

STOPS = ((0, 0, 4), (86, 15, 110), (187, 55, 84), (249, 142, 9), (252, 255, 164))
"""RGB from no error to the end of the scale, evenly spaced; their brightness rises throughout."""

_LEVELS = 255.0
_SHARE = 99.5  # percent of an artifact's map pixels that its scale must hold


@dataclass(frozen=True)
class _Piece:
    image: str
    box: Box
    row: ImageRow
    picture: NDArray[np.uint8]
    reference: NDArray[np.uint8]
    error: NDArray[np.float32]  # largest of the three colours, in levels


class WorstImages:
    """Bounded, however many images come: the pieces of one artifact's worst ones."""

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []

    def see(self, sample: Sample, row: ImageRow, sr: Array, reference: Array, scale: int) -> None:
        """One image, both outputs 1 x 3 x sH x sW; forgotten at once unless it is among the worst so far."""
        if row.identical or (len(self._pieces) == WORST and _nearness(row) >= _nearness(self._pieces[-1].row)):
            return
        difference = np.abs(sr[0] - reference[0])
        box = fullest_box((difference**2).sum(0), SIDE, scale)
        top, left, height, width = box
        error = _LEVELS * difference[:, top : top + height, left : left + width].max(0)
        self._pieces.append(_Piece(sample.item.name, box, row, cut(sr, box), cut(reference, box), error))
        self._pieces = sorted(self._pieces, key=lambda piece: _nearness(piece.row))[:WORST]

    def maps(self, subject: Subject, conditions: Conditions) -> list[ErrorMap]:
        """The maps, the worst image first, all with one scale."""
        if not self._pieces:
            return []
        large = float(np.percentile(np.concatenate([piece.error.ravel() for piece in self._pieces]), _SHARE))
        full = next((scale for scale in SCALES if scale >= large), SCALES[-1])
        return [
            ErrorMap(
                artifact=subject.artifact,
                role=subject.role,
                backend=subject.backend,
                image=piece.image,
                dataset=conditions.dataset.name,
                model_sha256=conditions.origin.sha256,
                box=piece.box,
                to_reference_db=piece.row.to_reference_db,
                drop_db=piece.row.drop_db,
                full_scale=full,
                picture=png_text(piece.picture),
                reference=png_text(piece.reference),
                error=png_text(indices(piece.error, full), palette()),
            )
            for piece in self._pieces
        ]


def indices(error: NDArray[np.float32], full: float) -> NDArray[np.uint8]:
    """Errors in levels -> places in the palette; what is beyond the scale takes its last colour."""
    return np.asarray(np.rint(np.clip(error / full, 0, 1) * 255), np.uint8)


def palette() -> NDArray[np.uint8]:
    """256 x 3, straight between STOPS."""
    stops = np.asarray(STOPS, np.float64)
    places = np.linspace(0, len(stops) - 1, 256)
    channels = [np.interp(places, np.arange(len(stops)), stops[:, channel]) for channel in range(3)]
    return np.asarray(np.rint(np.stack(channels, 1)), np.uint8)


def gradient(stops: Sequence[tuple[int, int, int]] = STOPS) -> str:
    """The scale as a CSS colour list."""
    return ", ".join(f"rgb({red} {green} {blue})" for red, green, blue in stops)


def _nearness(row: ImageRow) -> float:
    return np.inf if row.to_reference_db is None else row.to_reference_db
