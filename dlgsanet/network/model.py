"""DLGSANet (Li et al., ICCV 2023, arXiv 2301.02031), with the parameter names of the official checkpoints."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dlgsanet.network.attention import SparseGSA
from dlgsanet.network.config import RGB_MEAN, ModelConfig
from dlgsanet.network.layers import GDFN, MHDLSA, LayerNorm


class LocalBlock(nn.Module):
    """y = x + MHDLSA(LN(x)); out = y + GDFN(LN(y)); (N, C, H, W) -> (N, C, H, W)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm1 = LayerNorm(config.channels)
        self.IDynamicDWConv = MHDLSA(config)
        self.norm2 = LayerNorm(config.channels)
        self.IDynamic_ffn = GDFN(config.channels)

    def mix(self, x: Tensor) -> Tensor:
        """The first half: x + MHDLSA(LN(x))."""
        out: Tensor = x + self.IDynamicDWConv(self.norm1(x))
        return out

    def feed_forward(self, y: Tensor) -> Tensor:
        """The second half: y + GDFN(LN(y))."""
        out: Tensor = y + self.IDynamic_ffn(self.norm2(y))
        return out

    def forward(self, x: Tensor) -> Tensor:
        return self.feed_forward(self.mix(x))


class GlobalBlock(nn.Module):
    """y = x + SparseGSA(LN(x)); out = y + GDFN(LN(y)); (N, C, H, W) -> (N, C, H, W)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm3 = LayerNorm(config.channels)
        self.restormer_attn = SparseGSA(config.channels, config.tlc_size, config.activation)
        self.norm4 = LayerNorm(config.channels)
        self.restormer_ffn = GDFN(config.channels)

    def mix(self, x: Tensor) -> Tensor:
        """The first half: x + SparseGSA(LN(x))."""
        out: Tensor = x + self.restormer_attn(self.norm3(x))
        return out

    def feed_forward(self, y: Tensor) -> Tensor:
        """The second half: y + GDFN(LN(y))."""
        out: Tensor = y + self.restormer_ffn(self.norm4(y))
        return out

    def forward(self, x: Tensor) -> Tensor:
        return self.feed_forward(self.mix(x))


class Group(nn.Module):
    """RHDTG: B pairs of a local and a global block, a 3x3 convolution, and the input added back."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for _ in range(config.blocks):
            blocks += [LocalBlock(config), GlobalBlock(config)]
        self.body = nn.Sequential(*blocks, nn.Conv2d(config.channels, config.channels, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x) + x
        return out


class _Embedding(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.proj(x)
        return out


class DLGSANet(nn.Module):
    """The reference network: (N, 3, H, W) RGB in [0, 1] -> (N, 3, sH, sW), not clamped.

    Any batch and any size from 1x1. The attention is global in training mode and windowed (TLC) in eval mode.
    """

    mean: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        c, s = config.channels, config.scale
        self.register_buffer("mean", torch.tensor(RGB_MEAN).view(1, 3, 1, 1), persistent=False)
        self.overlap_embed = nn.Sequential(_Embedding(c))
        groups = [Group(config) for _ in range(config.groups)]
        self.deep_feature_extraction = nn.Sequential(*groups, nn.Conv2d(c, c, 3, padding=1))
        self.upsample = nn.Sequential(nn.Conv2d(c, 3 * s * s, 3, padding=1), nn.PixelShuffle(s))

    @property
    def scale(self) -> int:
        """Upsampling factor."""
        return self.config.scale

    def forward(self, lr: Tensor) -> Tensor:
        # The convolutions pad with zeros after the subtraction: the border sees the mean colour, not black.
        shallow = self.overlap_embed(lr - self.mean)
        deep = self.deep_feature_extraction(shallow) + shallow
        out: Tensor = self.upsample(deep) + self.mean
        return out
