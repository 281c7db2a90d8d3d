"""Validation during training: PSNR and SSIM of whole images under the papers' protocol."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from dlgsanet.imaging.pixels import to_hwc, to_nchw
from dlgsanet.metrics import psnr, ssim
from dlgsanet.training.data.sources import find_pairs, read_pair


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
    """The images of a folder in any known layout; LR made by the exact bicubic where there is none.

    Raises InputError for a folder without images and for an image that cannot be read: a mean over fewer images
    is another figure.
    """
    pairs = tuple(read_pair(pair, scale) for pair in find_pairs(folder, scale))
    return ValidationSet(Path(folder).name, scale, pairs)


@torch.inference_mode()
def validate(model: nn.Module, images: ValidationSet) -> Score:
    """Scores of a model in eval mode (whole images, no tiles, fp32), on the device where it lies."""
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    figures = []
    for lr, hr in images.pairs:
        sr = to_hwc(model(torch.from_numpy(to_nchw(lr)).to(device)).float().cpu().numpy())
        sr = np.clip(sr, 0, 1)
        figures.append((psnr(sr, hr, border=images.scale), ssim(sr, hr, border=images.scale)))
    means = np.mean(figures, axis=0)
    return Score(float(means[0]), float(means[1]))
