"""Validation during training: PSNR and SSIM of whole images under the papers' protocol."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from dlgsanet.imaging.errors import InputError
from dlgsanet.imaging.files import list_images, read_rgb8, to_hwc, to_nchw
from dlgsanet.imaging.resize import crop_to_multiple, downscale_matlab8
from dlgsanet.metrics import psnr, ssim


@dataclass(frozen=True)
class ValidationSet:
    """LR and HR images (HWC uint8) of one folder, in memory: benchmark sets are small."""

    name: str
    scale: int
    pairs: tuple[tuple[NDArray[np.uint8], NDArray[np.uint8]], ...]


@dataclass(frozen=True)
class Score:
    """Means over the images: Y, 8 bits, border = scale."""

    psnr_db: float
    ssim: float


def open_validation(folder: str | Path, scale: int) -> ValidationSet:
    """HR images of `folder` (or its `HR/`), with LR images made by the exact bicubic. Raises InputError."""
    root = Path(folder)
    pairs = []
    for path in list_images(root / "HR" if (root / "HR").is_dir() else root):
        hr = np.ascontiguousarray(crop_to_multiple(read_rgb8(path), scale))
        pairs.append((downscale_matlab8(hr, scale), hr))
    if not pairs:
        raise InputError(f"expected HR images in {root}, found none")
    return ValidationSet(root.name, scale, tuple(pairs))


@torch.inference_mode()
def validate(model: nn.Module, images: ValidationSet) -> Score:
    """Scores of a model in eval mode (whole images, no tiles, fp32)."""
    figures = []
    for lr, hr in images.pairs:
        sr = to_hwc(model(torch.from_numpy(to_nchw(lr))).float().numpy())
        sr = np.clip(sr, 0, 1)
        figures.append((psnr(sr, hr, border=images.scale), ssim(sr, hr, border=images.scale)))
    means = np.mean(figures, axis=0)
    return Score(float(means[0]), float(means[1]))
