"""Exact forms of the per-pixel 7x7 depthwise convolution, built from operators that every backend has.

    out[c, p] = sum_k F[g(c), k, p] * u[c, p + k]        F[g, k, p] = sum_r A[g, k, r] z[r, p] + b[g, k]

u: the C maps to be filtered; z: the R = C/4 maps before the last 1x1 (A, b) of the filter network; k: 49 taps.
Every form is a module (u, z) -> (1, C, H, W) for one tile, made from that last 1x1.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlgsanet.network.config import CHANNELS_PER_GROUP, KERNEL
from dlgsanet.network.dynamic_conv import dynamic_depthwise_conv
from export.rewriting.conv_algebra import conv_like, split

TAPS = KERNEL * KERNEL
EDGE = KERNEL // 2
BAND = 1 << 14  # pixels: 48 maps of so many float32 are 3 MB
GROUP = 4  # steered answers that `basis-grouped` computes at once


class Direct(nn.Module):
    """The reference's own form, until a lowering replaces it: (u, z) -> (1, C, H, W)."""

    def __init__(self, last: nn.Conv2d) -> None:
        super().__init__()
        self.last = last

    def forward(self, u: Tensor, z: Tensor) -> Tensor:
        return dynamic_depthwise_conv(u, self.last(z), KERNEL)


class Shift(nn.Module):
    """sum_k F[g(c), k] * shift_k(u): pad once, then 49 times slice, multiply by one filter map, add."""

    def __init__(self, last: nn.Conv2d, tile: tuple[int, int]) -> None:
        super().__init__()
        self.last, self.tile, self.groups = last, tile, last.out_channels // TAPS

    def forward(self, u: Tensor, z: Tensor) -> Tensor:
        (h, w), groups = self.tile, self.groups
        filters = split(self.last(z).reshape(groups, TAPS, h, w), [1] * TAPS, 1)
        padded = F.pad(u, [KERNEL // 2] * 4)
        shape = (groups, CHANNELS_PER_GROUP, h + KERNEL - 1, w + KERNEL - 1)
        padded = padded.reshape(shape)
        total: Tensor | None = None
        for i in range(KERNEL):
            rows = padded.narrow(2, i, h)
            for j in range(KERNEL):
                term = rows.narrow(3, j, w) * filters[KERNEL * i + j]
                total = term if total is None else total + term
        assert total is not None
        return total.reshape(1, groups * CHANNELS_PER_GROUP, h, w)


class Basis(nn.Module):
    """sum_r z[r] * DWConv7x7(u; A[:, :, r]) + DWConv7x7(u; b): the sums swapped, R + 1 static convolutions.

    A tile of more than BAND pixels is computed in bands of rows, whose answers then stay in the last-level cache.
    """

    def __init__(self, last: nn.Conv2d, tile: tuple[int, int]) -> None:
        super().__init__()
        weight, bias = _basis(last)
        self.bands = bands(tile)
        pad = EDGE if len(self.bands) == 1 else 0  # bands bring the rows above and below them along
        self.steered = nn.ModuleList(_depthwise(weight[:, r], pad_rows=pad) for r in range(weight.shape[1]))
        self.constant = _depthwise(bias, pad_rows=pad)

    def forward(self, u: Tensor, z: Tensor) -> Tensor:
        if len(self.bands) == 1:
            return self._band(u, z)
        padded = F.pad(u, [0, 0, EDGE, EDGE])
        parts = split(z, [rows for _, rows in self.bands], 2)
        answers = [
            self._band(padded.narrow(2, top, rows + 2 * EDGE), part)
            for (top, rows), part in zip(self.bands, parts, strict=True)
        ]
        return torch.cat(answers, 2)

    def _band(self, u: Tensor, z: Tensor) -> Tensor:
        total: Tensor = self.constant(u)
        for conv, z_r in zip(self.steered, split(z, [1] * len(self.steered), 1), strict=True):
            total = total + conv(u) * z_r
        return total


class BasisFused(nn.Module):
    """The same with the R steered convolutions as one of multiplier R, then a product and a sum over R."""

    def __init__(self, last: nn.Conv2d, tile: tuple[int, int]) -> None:
        super().__init__()
        weight, bias = _basis(last)
        self.tile = tile
        self.channels, self.rank = int(weight.shape[0]), int(weight.shape[1])
        self.steered = _depthwise(weight.flatten(0, 1), groups=self.channels)
        self.constant = _depthwise(bias)

    def forward(self, u: Tensor, z: Tensor) -> Tensor:
        h, w = self.tile
        answers = self.steered(u).reshape(self.channels, self.rank, h, w)
        steered = torch.sum(answers * z, 1).reshape(1, self.channels, h, w)
        out: Tensor = self.constant(u) + steered
        return out


class Unfold(nn.Module):
    """The textbook: all 49 neighbours of every pixel as maps (one-hot filters), times the filters, summed."""

    def __init__(self, last: nn.Conv2d, tile: tuple[int, int]) -> None:
        super().__init__()
        self.last, self.tile = last, tile
        self.groups = last.out_channels // TAPS
        channels = self.groups * CHANNELS_PER_GROUP
        one_hot = torch.eye(TAPS, dtype=last.weight.dtype).reshape(TAPS, KERNEL, KERNEL)
        self.patches = _depthwise(one_hot.repeat(channels, 1, 1), groups=channels)

    def forward(self, u: Tensor, z: Tensor) -> Tensor:
        h, w = self.tile
        patches = self.patches(u).reshape(self.groups, CHANNELS_PER_GROUP, TAPS, h * w)
        filters = self.last(z).reshape(self.groups, 1, TAPS, h * w)
        return torch.sum(patches * filters, 2).reshape(1, self.groups * CHANNELS_PER_GROUP, h, w)


class Rows(nn.Module):
    """Slices along one axis only: sum_j shift_j( sum_i F[i, j] shifted by -j * u shifted by i rows ).

    The columns are shifted after the products, so their filters are wanted at shifted places: z (C/4 maps) is
    shifted instead of u (C maps), 21 slices in all where `shift` has 56.
    """

    def __init__(self, last: nn.Conv2d, tile: tuple[int, int]) -> None:
        super().__init__()
        self.tile = tile
        self.groups = last.out_channels // TAPS
        weight = last.weight.detach().reshape(self.groups, KERNEL, KERNEL, -1)
        assert last.bias is not None
        bias = last.bias.detach().reshape(self.groups, KERNEL, KERNEL)
        self.columns = nn.ModuleList(
            conv_like(last, weight[:, :, j].transpose(0, 1).flatten(0, 1)[:, :, None, None], bias[:, :, j].T.flatten())
            for j in range(KERNEL)
        )

    def forward(self, u: Tensor, z: Tensor) -> Tensor:
        h, w = self.tile
        wide = w + 2 * EDGE
        padded = F.pad(u, [EDGE] * 4).reshape(self.groups, CHANNELS_PER_GROUP, h + 2 * EDGE, wide)
        rows = [padded.narrow(2, i, h) for i in range(KERNEL)]
        spread = F.pad(z, [2 * EDGE, 2 * EDGE, 0, 0])
        total: Tensor | None = None
        for j, filters_of in enumerate(self.columns):
            column = filters_of(spread.narrow(3, 2 * EDGE - j, wide)).reshape(KERNEL, self.groups, h, wide)
            parts = split(column, [1] * KERNEL, 0)
            products = [row * part.reshape(self.groups, 1, h, wide) for row, part in zip(rows, parts, strict=True)]
            term = _sum(products).narrow(3, j, w)
            total = term if total is None else total + term
        assert total is not None
        return total.reshape(1, self.groups * CHANNELS_PER_GROUP, h, w)


class ChannelsLast(nn.Module):
    """`shift` with the channels as the last axis, where every slice is a run of whole pixels."""

    def __init__(self, last: nn.Conv2d, tile: tuple[int, int]) -> None:
        super().__init__()
        self.tile = tile
        self.groups = last.out_channels // TAPS
        assert last.bias is not None
        weight = last.weight.detach().reshape(self.groups, TAPS, -1).transpose(0, 1).flatten(0, 1)
        bias = last.bias.detach().reshape(self.groups, TAPS).T.flatten()
        self.last = conv_like(last, weight[:, :, None, None], bias)  # taps outermost

    def forward(self, u: Tensor, z: Tensor) -> Tensor:
        h, w = self.tile
        channels = self.groups * CHANNELS_PER_GROUP
        padded = F.pad(u, [EDGE] * 4).permute(0, 2, 3, 1)
        padded = padded.reshape(h + 2 * EDGE, w + 2 * EDGE, self.groups, CHANNELS_PER_GROUP)
        filters = split(self.last(z).permute(0, 2, 3, 1).reshape(h, w, TAPS, self.groups), [1] * TAPS, 2)
        products = []
        for i in range(KERNEL):
            rows = padded.narrow(0, i, h)
            for j in range(KERNEL):
                products.append(rows.narrow(1, j, w) * filters[KERNEL * i + j].reshape(h, w, self.groups, 1))
        return _sum(products).reshape(1, h, w, channels).permute(0, 3, 1, 2)


class BasisGrouped(nn.Module):
    """`basis` with the steered answers of GROUP maps of z at once: their inputs are copies of u side by side."""

    def __init__(self, last: nn.Conv2d, tile: tuple[int, int]) -> None:
        super().__init__()
        weight, bias = _basis(last)
        self.tile, self.channels = tile, int(weight.shape[0])
        rank = int(weight.shape[1])
        self.sizes = [min(GROUP, rank - start) for start in range(0, rank, GROUP)]
        self.steered = nn.ModuleList(
            _depthwise(weight[:, start : start + size].transpose(0, 1).flatten(0, 1))
            for start, size in zip(range(0, rank, GROUP), self.sizes, strict=True)
        )
        self.constant = _depthwise(bias)

    def forward(self, u: Tensor, z: Tensor) -> Tensor:
        h, w = self.tile
        total: Tensor = self.constant(u)
        for conv, size, part in zip(self.steered, self.sizes, split(z, self.sizes, 1), strict=True):
            answers = conv(torch.cat([u] * size, 1)).reshape(size, self.channels, h, w)
            total = total + torch.sum(answers * part.reshape(size, 1, h, w), 0, True)
        return total


def _sum(parts: list[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _basis(last: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """(A, b) per channel: (C, R, 7, 7) and (C, 7, 7)."""
    groups, rank = last.out_channels // TAPS, last.in_channels
    assert last.bias is not None
    weight = last.weight.detach().reshape(groups, KERNEL, KERNEL, rank).permute(0, 3, 1, 2)
    bias = last.bias.detach().reshape(groups, KERNEL, KERNEL)
    return weight.repeat_interleave(CHANNELS_PER_GROUP, 0), bias.repeat_interleave(CHANNELS_PER_GROUP, 0)


def bands(tile: tuple[int, int]) -> list[tuple[int, int]]:
    """(first row, rows) of the fewest bands of nearly equal height that hold about BAND pixels (or one row) each."""
    h, w = tile
    count = min(h, -(-h * w // BAND))
    edges = [h * index // count for index in range(count + 1)]
    return [(low, high - low) for low, high in itertools.pairwise(edges)]


def _depthwise(weight: Tensor, groups: int | None = None, pad_rows: int = EDGE) -> nn.Conv2d:
    """A bias-free 7x7 convolution with these filters (out, 7, 7), depthwise with multiplier out / groups."""
    out = int(weight.shape[0])
    per_group = groups or out
    pads = (pad_rows, EDGE)
    conv = nn.Conv2d(per_group, out, KERNEL, padding=pads, groups=per_group, bias=False, dtype=weight.dtype)
    conv.load_state_dict({"weight": weight[:, None].contiguous()}, strict=True)
    return conv
