"""SparseGSA for one tile: windows by slices, norms that divide a small matrix, q, k and v computed apart."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dlgsanet.network.attention import NORM_EPS, SparseGSA, activate
from dlgsanet.network.config import HEADS
from export.rewriting.conv_algebra import slice_outputs, split
from export.rewriting.pass_contract import Outcome, Pass, PassContext, replace_all
from export.rewriting.passes.tlc_windows import Windows, windows_for


class JointQKV(nn.Module):
    """(1, C, H, W) -> q, k, v, each (windows, heads, C/heads, kh * kw), from one convolution pair."""

    def __init__(self, source: SparseGSA, windows: Windows) -> None:
        super().__init__()
        self.windows = windows
        self.qkv, self.qkv_dwconv = source.qkv, source.qkv_dwconv
        self.channels = source.qkv.out_channels

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        cuts = self.windows.cut(self.qkv_dwconv(self.qkv(x)))
        flat = _flatten(cuts, self.windows, self.channels, 3 * HEADS)
        q, k, v = split(flat, [HEADS] * 3, 1)
        return q, k, v


class SplitQKV(nn.Module):
    """The same, with every weight a slice of the joint one: no tensor has to be split."""

    def __init__(self, source: JointQKV) -> None:
        super().__init__()
        self.windows = source.windows
        c = self.channels = source.qkv.out_channels // 3
        self.pointwise = nn.ModuleList(slice_outputs(source.qkv, i * c, c) for i in range(3))
        self.depthwise = nn.ModuleList(slice_outputs(source.qkv_dwconv, i * c, c) for i in range(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        parts = [depth(point(x)) for point, depth in zip(self.pointwise, self.depthwise, strict=True)]
        q, k, v = (_flatten(self.windows.cut(part), self.windows, self.channels, HEADS) for part in parts)
        return q, k, v


class UnitFirst(nn.Module):
    """scores = temperature * (q / max(|q|, eps)) (k / max(|k|, eps))^T, as the reference has it."""

    def __init__(self, temperature: Tensor) -> None:
        super().__init__()
        self.temperature = nn.Parameter(temperature.detach())

    def forward(self, q: Tensor, k: Tensor) -> Tensor:
        return (q / _norm(q)) @ (k / _norm(k)).permute(0, 1, 3, 2) * self.temperature


class UnitAfter(nn.Module):
    """scores = (q k^T) * (temperature / max(|q|, eps)) / max(|k|, eps)^T: only small tensors are scaled.

    All-zero rows give 0 * (temperature / eps) / ... = 0, as in the reference.
    """

    def __init__(self, source: UnitFirst) -> None:
        super().__init__()
        self.temperature = source.temperature

    def forward(self, q: Tensor, k: Tensor) -> Tensor:
        gram = q @ k.permute(0, 1, 3, 2)
        return gram * (self.temperature / _norm(q)) / _norm(k).permute(0, 1, 3, 2)


class TileAttention(nn.Module):
    """Twin of SparseGSA for a fixed tile: (1, C, H, W) -> (1, C, H, W)."""

    def __init__(self, source: SparseGSA, tile: tuple[int, int]) -> None:
        super().__init__()
        self.windows = windows_for(tile, source.window)
        self.activation = source.activation
        self.channels = source.project_out.in_channels
        self.projections: nn.Module = JointQKV(source, self.windows)
        self.scores: nn.Module = UnitFirst(source.temperature)
        self.project_out = source.project_out

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.projections(x)
        mixed = activate(self.scores(q, k), self.activation) @ v
        size = (self.windows.count, self.channels, self.windows.rows.size, self.windows.cols.size)
        out: Tensor = self.project_out(self.windows.merge(mixed.reshape(size)))
        return out


def _norm(x: Tensor) -> Tensor:
    """max(L2 norm along the pixels, eps): what F.normalize divides by; (..., L) -> (..., 1)."""
    return torch.clamp_min(torch.linalg.vector_norm(x, 2, -1, True), NORM_EPS)


def _flatten(cuts: Tensor, windows: Windows, channels: int, groups: int) -> Tensor:
    pixels = windows.rows.size * windows.cols.size
    return cuts.reshape(windows.count, groups, channels // groups, pixels)


def _unroll(root: nn.Module, context: PassContext) -> Outcome:
    return Outcome(replace_all(root, SparseGSA, lambda source: TileAttention(source, context.tile)))


def _scale_after(root: nn.Module, context: PassContext) -> Outcome:
    return Outcome(replace_all(root, UnitFirst, UnitAfter))


def _split_qkv(root: nn.Module, context: PassContext) -> Outcome:
    return Outcome(replace_all(root, JointQKV, SplitQKV))


UNROLL_TLC = Pass(
    "unroll-tlc",
    "for a fixed tile the windows are constants: slices stacked on the batch, then the mean of what overlaps",
    _unroll,
)
SCALE_AFTER_MATMUL = Pass(
    "scale-after-matmul",
    "t (q / m) (k / n)^T = (q k^T) (t / m) / n^T with m, n = max(norm, eps) per row",
    _scale_after,
    needs=(UNROLL_TLC.name,),
)
SPLIT_QKV = Pass(
    "split-qkv",
    "a third of a dense (or depthwise) convolution's output is a convolution with a third of its weight",
    _split_qkv,
    needs=(UNROLL_TLC.name,),
)
