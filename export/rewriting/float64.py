"""Evaluating networks in float64 without waiting for PyTorch's slow path.

PyTorch has no fast float64 convolution: it copies the input for every tap of the kernel. A 1x1 is a matrix product
and needs no copy; a depthwise convolution, tap by tap over a few channels that stay in the cache, is about ten times
faster.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from export.rewriting.pass_contract import replace_all

BLOCK = 1 << 19  # bytes of one channel block: smaller ones cost calls, larger ones leave the second-level cache


class TapByTap(nn.Module):
    """A stride-1 depthwise convolution, as the sum of its shifted and scaled inputs."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        assert not isinstance(conv.padding, str)
        self.pad_h, self.pad_w = (int(side) for side in conv.padding)
        self.weight = conv.weight.detach()
        self.bias = None if conv.bias is None else conv.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        kh, kw = self.weight.shape[2:]
        h, w = x.shape[2] + 2 * self.pad_h - kh + 1, x.shape[3] + 2 * self.pad_w - kw + 1
        out = x.new_empty(x.shape[0], x.shape[1], h, w)
        step = max(1, BLOCK // (h * w * x.element_size()))
        for low in range(0, x.shape[1], step):
            channels = slice(low, low + step)
            source = F.pad(x[:, channels], [self.pad_w, self.pad_w, self.pad_h, self.pad_h])
            total, taps = out[:, channels], self.weight[channels, 0, :, :, None, None]
            torch.mul(source[:, :, :h, :w], taps[:, 0, 0], out=total)
            for tap in range(1, kh * kw):
                i, j = divmod(tap, kw)
                total.addcmul_(source[:, :, i : i + h, j : j + w], taps[:, i, j])
        return out if self.bias is None else out.add_(self.bias[:, None, None])


class Pointwise(nn.Module):
    """A dense 1x1 convolution as a product of matrices."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.weight = conv.weight.detach()[:, :, 0, 0].contiguous()
        self.bias = None if conv.bias is None else conv.bias.detach()[:, None]

    def forward(self, x: Tensor) -> Tensor:
        n, _, h, w = x.shape
        out = self.weight @ x.flatten(2)
        out = out if self.bias is None else out.add_(self.bias)
        return out.view(n, -1, h, w)


def in_float64(model: nn.Module) -> nn.Module:
    """A float64 copy on the CPU, in eval mode, with fast forms of its 1x1 and depthwise convolutions."""
    made = copy.deepcopy(model).to("cpu").double().eval()
    replace_all(made, nn.Conv2d, _fast)
    return made


def _fast(conv: nn.Conv2d) -> nn.Module:
    if conv.stride != (1, 1) or conv.dilation != (1, 1) or isinstance(conv.padding, str):
        return conv
    if conv.kernel_size == (1, 1):
        return Pointwise(conv) if conv.groups == 1 and conv.padding == (0, 0) else conv
    return TapByTap(conv) if conv.groups == conv.in_channels == conv.out_channels else conv
