"""Validation scores are the protocol's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from dlgsanet.imaging.files import write_picture
from dlgsanet.imaging.resize import upscale_bicubic8
from dlgsanet.metrics import psnr, ssim
from dlgsanet.training.progress.validate import open_validation, validate


class Bicubic(nn.Module):
    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        pixels = (lr[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        return torch.from_numpy(upscale_bicubic8(pixels, 2)).permute(2, 0, 1)[None] / 255


def test_scores_are_means_over_whole_images(picture: Callable[[int, int, int], Any], tmp_path: Path) -> None:
    for i in range(2):
        write_picture(tmp_path / "Set2" / "HR" / f"{i}.png", picture(40, 48, i))
    images = open_validation(tmp_path / "Set2", 2)
    score = validate(Bicubic(), images)
    upscaled = [(upscale_bicubic8(lr, 2), hr) for lr, hr in images.pairs]
    assert images.name == "Set2" and score.psnr_db == pytest.approx(
        np.mean([psnr(sr, hr, border=2) for sr, hr in upscaled])
    )
    assert score.ssim == pytest.approx(np.mean([ssim(sr, hr, border=2) for sr, hr in upscaled]))
