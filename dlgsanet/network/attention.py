"""SparseGSA: channel attention with a ReLU instead of a softmax, and its local form at inference (TLC)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlgsanet.network.config import HEADS

NORM_EPS = 1e-12  # of the L2 norms along H*W (torch's F.normalize)


class SparseGSA(nn.Module):
    """Mix = Conv1x1(A v) with A = act(temperature * q k^T) per head over channels; q, k unit along H*W.

    x: (N, C, H, W) -> (N, C, H, W). In training the attention spans the whole patch; in eval mode it is
    computed in overlapping `window` x `window` cuts whose results are averaged.
    """

    def __init__(self, channels: int, window: int, activation: str) -> None:
        super().__init__()
        self.window = window
        self.activation = activation
        self.temperature = nn.Parameter(torch.ones(HEADS, 1, 1))
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.qkv_dwconv = nn.Conv2d(3 * channels, 3 * channels, 3, padding=1, groups=3 * channels, bias=False)
        self.project_out = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        qkv = self.qkv_dwconv(self.qkv(x))
        mixed = self._attend(qkv) if self.training else self._attend_in_windows(qkv)
        out: Tensor = self.project_out(mixed)
        return out

    def _attend(self, qkv: Tensor) -> Tensor:
        n, c3, h, w = qkv.shape
        q, k, v = qkv.reshape(n, 3, HEADS, c3 // (3 * HEADS), h * w).unbind(1)  # each (N, heads, C/heads, H*W)
        q = F.normalize(q, dim=-1, eps=NORM_EPS)
        k = F.normalize(k, dim=-1, eps=NORM_EPS)
        scores = activate(q @ k.transpose(-2, -1) * self.temperature, self.activation)
        return (scores.to(v.dtype) @ v).reshape(n, c3 // 3, h, w)

    def _attend_in_windows(self, qkv: Tensor) -> Tensor:
        n, c3, h, w = qkv.shape
        rows, cols = window_starts(h, self.window), window_starts(w, self.window)
        if len(rows) == len(cols) == 1:
            return self._attend(qkv)
        kh, kw = min(self.window, h), min(self.window, w)
        row_index = _window_index(rows, kh, qkv.device)
        col_index = _window_index(cols, kw, qkv.device)
        cuts = qkv.index_select(2, row_index).index_select(3, col_index)
        cuts = cuts.view(n, c3, len(rows), kh, len(cols), kw).permute(0, 2, 4, 1, 3, 5)
        mixed = self._attend(cuts.reshape(-1, c3, kh, kw))
        mixed = mixed.view(n, len(rows), len(cols), c3 // 3, kh, kw).permute(0, 3, 1, 4, 2, 5)
        mixed = mixed.reshape(n, c3 // 3, len(rows) * kh, len(cols) * kw)
        # Back to the picture: sum the windows along each axis, then divide by how many covered each pixel.
        total = mixed.new_zeros(n, c3 // 3, h, mixed.shape[-1]).index_add_(2, row_index, mixed)
        total = total.new_zeros(n, c3 // 3, h, w).index_add_(3, col_index, total)
        cover_rows = torch.bincount(row_index, minlength=h).to(total.dtype)
        cover_cols = torch.bincount(col_index, minlength=w).to(total.dtype)
        return total / (cover_rows[:, None] * cover_cols[None, :])


def activate(scores: Tensor, activation: str) -> Tensor:
    """Apply the (ablation) activation to an attention map; the map is not renormalised afterwards."""
    if activation == "relu":
        return F.relu(scores)
    if activation == "softmax":
        return scores.softmax(-1)
    if activation == "gelu":
        return F.gelu(scores)
    if activation == "sigmoid":
        return scores.sigmoid()
    return scores


def window_starts(length: int, window: int) -> list[int]:
    """First index of each attention window along one axis, in pixels; the last lies flush with the edge.

    n = (length - 1) // k + 1 windows of k = min(window, length), step = ceil((length - k) / (n - 1) - 1e-8).
    """
    k = min(window, length)
    n = (length - 1) // k + 1
    step = k if n == 1 else math.ceil((length - k) / (n - 1) - 1e-8)
    starts = []
    start = 0
    while start + k < length:
        starts.append(start)
        start += step
    return [*starts, length - k]


def _window_index(starts: list[int], size: int, device: torch.device) -> Tensor:
    offsets = torch.arange(size, device=device)
    return (torch.tensor(starts, device=device)[:, None] + offsets).flatten()
