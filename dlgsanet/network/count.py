"""Parameters and multiply-adds of a configuration, in two conventions that must not be mixed.

`true_macs` counts every multiply-add of the convolutions, dynamic filters and attention once. `official_flops`
repeats the authors' own counter, whose figures are the published ones; it differs in six places, each marked.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from dlgsanet.network.attention import window_starts
from dlgsanet.network.config import HEADS, KERNEL, ModelConfig
from dlgsanet.network.model import DLGSANet

PUBLISHED_HR = (720, 1280)  # height, width of the output for which papers state the cost


@dataclass(frozen=True)
class Size:
    """LR size in pixels."""

    height: int
    width: int

    @property
    def pixels(self) -> int:
        """Number of LR pixels."""
        return self.height * self.width


def lr_size(scale: int, hr: tuple[int, int] = PUBLISHED_HR) -> Size:
    """LR size whose output fits in `hr` (height, width)."""
    return Size(hr[0] // scale, hr[1] // scale)


def parameters(config: ModelConfig) -> int:
    """Number of trainable parameters, from the network itself (no memory is allocated for them)."""
    with torch.device("meta"):
        return sum(p.numel() for p in DLGSANet(config).parameters())


def true_macs(config: ModelConfig, size: Size) -> int:
    """Multiply-adds of one image; attention windows (TLC) count as often as they overlap."""
    c, s = config.channels, config.scale
    gdfn = 6 * c * c + 36 * c
    pair = _local_macs(config) + 4 * c * c + 27 * c + 2 * gdfn
    per_pixel = 27 * c + config.groups * (config.blocks * pair + 9 * c * c) + 9 * c * c + 27 * s * s * c
    return per_pixel * size.pixels + _attention_macs(config, size)


def official_flops(config: ModelConfig, size: Size) -> int:
    """What the authors' counter says for the dynamic network (it calls multiply-adds flops)."""
    c = config.channels
    hyper = c / 4  # not rounded down, unlike the network's own C//4
    taps = KERNEL * KERNEL
    filters = c * hyper + taps * c + hyper * config.filter_groups * taps  # depthwise counted on C, not C//4
    local = 2 * c * c + filters + taps * c
    gdfn = 6 * c * c  # its depthwise convolution lacks the number of pixels: see the constant below
    norms = 4 * c  # no multiply-adds of a convolution: not in the true count
    pair = local + 4 * c * c + 27 * c + 2 * gdfn + norms
    body = 3 * c * c  # for a 3x3 convolution
    upsampler = 27 * c  # without s*s
    per_pixel = 27 * c + config.groups * (config.blocks * pair + 9 * c * c) + body + upsampler
    constant = config.groups * config.blocks * 2 * 36 * c
    return round(per_pixel * size.pixels + _attention_macs(config, size) + constant)


def _local_macs(config: ModelConfig) -> int:
    """Per pixel: W0, W1, the network that makes the filters, and their application."""
    c, hyper, taps = config.channels, config.hyper_channels, KERNEL * KERNEL
    if not config.dynamic:
        return 2 * c * c + taps * c
    return 2 * c * c + c * hyper + taps * hyper + hyper * config.filter_groups * taps + taps * c


def _attention_macs(config: ModelConfig, size: Size) -> int:
    """q k^T and A v over all windows of all blocks."""
    k = config.tlc_size
    rows = len(window_starts(size.height, k)) * min(k, size.height)
    columns = len(window_starts(size.width, k)) * min(k, size.width)
    per_pixel = 2 * config.channels * (config.channels // HEADS)
    return config.groups * config.blocks * per_pixel * rows * columns
