"""The parts of a block, with the names of the official checkpoints (hence the unusual attributes)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlgsanet.network.config import GDFN_EXPANSION, KERNEL, ModelConfig
from dlgsanet.network.dynamic_conv import dynamic_depthwise_conv

LAYER_NORM_EPS = 1e-5


class _Affine(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))


class LayerNorm(nn.Module):
    """Per pixel over the channels of (N, C, H, W): biased variance, eps 1e-5, affine."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = _Affine(channels)

    def forward(self, x: Tensor) -> Tensor:
        channels = (x.shape[1],)
        normed = F.layer_norm(x.permute(0, 2, 3, 1), channels, self.body.weight, self.body.bias, LAYER_NORM_EPS)
        return normed.permute(0, 3, 1, 2)


class GDFN(nn.Module):
    """Gated depthwise feed-forward network: 1x1, depthwise 3x3, GELU(a) * b, 1x1; no biases."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = GDFN_EXPANSION * channels
        self.project_in = nn.Conv2d(channels, 2 * hidden, 1, bias=False)
        self.dwconv = nn.Conv2d(2 * hidden, 2 * hidden, 3, padding=1, groups=2 * hidden, bias=False)
        self.project_out = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.dwconv(self.project_in(x)).chunk(2, dim=1)
        out: Tensor = self.project_out(F.gelu(a) * b)
        return out


class FilterNetwork(nn.Module):
    """The linear network that makes one 7x7 filter per pixel and group: (N, C, H, W) -> (N, C/6*49, H, W)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        c, hyper = config.channels, config.hyper_channels
        self.conv1 = nn.Sequential(
            nn.Conv2d(c, hyper, 1),
            nn.Conv2d(hyper, hyper, KERNEL, padding=KERNEL // 2, groups=hyper),
        )
        self.conv2 = nn.Sequential(nn.Conv2d(hyper, config.filter_groups * KERNEL * KERNEL, 1))

    def forward(self, u: Tensor) -> Tensor:
        filters: Tensor = self.conv2(self.conv1(u))
        return filters


class MHDLSA(nn.Module):
    """Mix = W1 * DynConv(W0 x): multi-head dynamic local self-attention; (N, C, H, W) -> (N, C, H, W)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        c = config.channels
        self.dynamic = config.dynamic
        self.conv0 = nn.Conv2d(c, c, 1, bias=False)
        self.conv1 = nn.Conv2d(c, c, 1, bias=False)
        self.conv: nn.Module
        if config.dynamic:
            self.conv = FilterNetwork(config)
        else:
            self.conv = nn.Conv2d(c, c, KERNEL, padding=KERNEL // 2, groups=c)

    def forward(self, x: Tensor) -> Tensor:
        u = self.conv0(x)
        mixed = dynamic_depthwise_conv(u, self.conv(u), KERNEL) if self.dynamic else self.conv(u)
        out: Tensor = self.conv1(mixed)
        return out
