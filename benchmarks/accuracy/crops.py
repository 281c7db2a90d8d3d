"""Small pieces of the images for the report: HR, bicubic, the reference and every artifact side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.records.pictures import Crop, png_text
from benchmarks.subjects.datasets import Dataset, Sample
from dlgsanet.imaging.crop_choice import Box, liveliest_box
from dlgsanet.imaging.pixels import to_hwc, to_uint8
from dlgsanet.imaging.resize import upscale_bicubic8
from runtimes.runner.tiling import Array

SIDE = 96
"""HR pixels."""

FIRST = 2
"""Crops of so many images are kept in any case, and one of the image with the largest |drop| so far."""

_MARGIN = 4  # LR pixels around a crop: bicubic looks at two


def bicubic_crop(lr: NDArray[np.uint8], scale: int, box: Box) -> NDArray[np.uint8]:
    """The crop of the bicubically enlarged image, without enlarging all of it."""
    top, left, height, width = (value // scale for value in box)
    y0, x0 = max(0, top - _MARGIN), max(0, left - _MARGIN)
    part = lr[y0 : top + height + _MARGIN, x0 : left + width + _MARGIN]
    large = upscale_bicubic8(np.ascontiguousarray(part), scale)
    y, x = (top - y0) * scale, (left - x0) * scale
    return large[y : y + box[2], x : x + box[3]]


def cut(nchw: Array, box: Box) -> NDArray[np.uint8]:
    """The crop of a network's output, clipped and rounded to 8 bits."""
    top, left, height, width = box
    return to_uint8(np.nan_to_num(to_hwc(nchw[:, :, top : top + height, left : left + width])))


def make_crop(sample: Sample, dataset: Dataset, model_sha256: str, outputs: Mapping[str, Array]) -> Crop:
    """The liveliest piece of one image from HR, bicubic and `outputs` (name -> 1 x 3 x sH x sW), as PNG."""
    box = liveliest_box(sample.hr, SIDE, dataset.scale)
    top, left, height, width = box
    pictures = {
        "HR": sample.hr[top : top + height, left : left + width],
        "bicubic": bicubic_crop(sample.lr, dataset.scale, box),
        **{name: cut(sr, box) for name, sr in outputs.items()},
    }
    return Crop(
        sample.item.name,
        dataset.name,
        model_sha256,
        box,
        {name: png_text(rgb) for name, rgb in pictures.items()},
    )


@dataclass(frozen=True)
class Shelf:
    """Bounded, however many images come: the first few and the worst so far."""

    first: tuple[Crop, ...] = ()
    worst: Crop | None = None
    worst_drop: float = 0.0

    def wants(self, drop: float) -> bool:
        """Whether a crop with this |drop| would be kept."""
        return len(self.first) < FIRST or drop > self.worst_drop

    def put(self, crop: Crop, drop: float) -> Shelf:
        """The shelf with one more crop; `drop` is the largest |drop| of the image over the artifacts."""
        if len(self.first) < FIRST:
            return replace(self, first=(*self.first, crop))
        return replace(self, worst=crop, worst_drop=drop) if drop > self.worst_drop else self

    @property
    def crops(self) -> tuple[Crop, ...]:
        """What is kept."""
        return self.first if self.worst is None else (*self.first, self.worst)
