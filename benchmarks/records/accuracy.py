"""Records of `check`: an artifact's accuracy on one data set, image by image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from benchmarks.records.gate_name import GateName
from benchmarks.records.identity import Run
from dlgsanet.storage.typed_json import between
from runtimes.runner.fidelity.likeness import Likeness, ProbeFigures

Decibels = Annotated[float, between(-1000.0, 1000.0)]
Similarity = Annotated[float, between(-2.0, 2.0)]
"""SSIM, or a difference of two."""


@dataclass(frozen=True)
class ImageRow:
    """One image of an accuracy record. `psnr_db` null: equal to HR; `to_reference_db` null: equal to the
    reference."""

    image: str
    psnr_db: Decibels | None
    ssim: Similarity
    drop_db: Decibels
    ssim_drop: Similarity
    to_reference_db: Decibels | None
    identical: bool
    rgb_drop_db: Decibels | None = None


@dataclass(frozen=True)
class AccuracyRecord(Run):
    """One artifact on one data set; the means are over the images, the worst is the image with the largest
    |drop|.

    `reference` says what it was compared with. The record of the reference itself (`role`) compares it, tiled, with
    the whole image at once: `tiling_drop_db`, which the others of that tile repeat.

    `abs_drop_db`: the mean of |drop|, with the ends of its 95 % interval (bootstrap over the images); `rgb_*`: the same
    of RGB. `likeness`: what eyes would see on the images; `probes`: on the probe tiles. `bicubic_*`: the same images,
    enlarged by a bicubic kernel. `limits`: `default`, or the beginning of the SHA-256 of the file of --limits. All null
    or empty in older files.
    """

    dataset: str
    protocol: str
    reference: str
    gate: GateName
    reason: str
    psnr_db: Decibels | None = None
    ssim: Similarity | None = None
    drop_db: Decibels | None = None
    ssim_drop: Similarity | None = None
    to_reference_db: Decibels | None = None
    to_reference_worst_db: Decibels | None = None
    identical: bool = False
    tiling_drop_db: Decibels | None = None
    worst_image: str | None = None
    worst_drop_db: Decibels | None = None
    images: tuple[ImageRow, ...] = ()
    abs_drop_db: Decibels | None = None
    abs_drop_low_db: Decibels | None = None
    abs_drop_high_db: Decibels | None = None
    rgb_drop_db: Decibels | None = None
    rgb_abs_drop_db: Decibels | None = None
    rgb_worst_drop_db: Decibels | None = None
    likeness: Likeness | None = None
    probes: tuple[ProbeFigures, ...] = ()
    bicubic_psnr_db: Decibels | None = None
    bicubic_ssim: Similarity | None = None
    limits: str | None = None
    kind: Literal["accuracy"] = "accuracy"
    FIGURE: ClassVar = ("artifact", "protocol", "model_sha256")


@dataclass(frozen=True)
class DatasetNote:
    """What was measured on, and on which terms it may be used; `images` is their number."""

    name: str
    sha256: str
    images: int
    lr_source: str
    terms: str
