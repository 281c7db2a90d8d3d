"""Records of `check`: an artifact's accuracy on one data set, image by image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from benchmarks.records.gate_name import GateName


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
class AccuracyRecord:
    """One artifact on one data set; the means are over the images, the worst is the image with the largest
    |drop|.

    `reference` says what it was compared with. The record of the reference itself (artifact
    `torch-reference-...`) compares it, tiled, with the whole image at once: `tiling_drop_db`, which the
    others of that tile repeat. `mac_shares`: precision -> share of the multiply-adds that the engine says ran in it,
    empty where it does not tell.
    """

    artifact: str
    model: str
    model_sha256: str
    precision: str
    tile: tuple[int, int]
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
    device: str | None = None
    reported_precision: str | None = None
    images: tuple[ImageRow, ...] = ()
    mac_shares: Mapping[str, float] = field(default_factory=dict)
    kind: Literal["accuracy"] = "accuracy"


@dataclass(frozen=True)
class DatasetNote:
    """What was measured on, and on which terms it may be used; `images` is their number."""

    name: str
    sha256: str
    images: int
    lr_source: str
    terms: str
