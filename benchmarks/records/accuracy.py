"""Records of `check`: an artifact's accuracy on one data set, image by image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from benchmarks.records.gate_name import GateName
from benchmarks.records.identity import Run


@dataclass(frozen=True)
class ImageRow:
    """One image of an accuracy record. `psnr_db` null: equal to HR; `to_reference_db` null: equal to the
    reference."""

    image: str
    psnr_db: float | None
    ssim: float
    drop_db: float
    ssim_drop: float
    to_reference_db: float | None
    identical: bool


@dataclass(frozen=True)
class AccuracyRecord(Run):
    """One artifact on one data set; the means are over the images, the worst is the image with the largest
    |drop|.

    `reference` says what it was compared with. The record of the reference itself (`role`) compares it, tiled, with
    the whole image at once: `tiling_drop_db`, which the others of that tile repeat.
    """

    dataset: str
    protocol: str
    reference: str
    gate: GateName
    reason: str
    psnr_db: float | None = None
    ssim: float | None = None
    drop_db: float | None = None
    ssim_drop: float | None = None
    to_reference_db: float | None = None
    to_reference_worst_db: float | None = None
    identical: bool = False
    tiling_drop_db: float | None = None
    worst_image: str | None = None
    worst_drop_db: float | None = None
    images: tuple[ImageRow, ...] = ()
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
