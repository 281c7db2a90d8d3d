"""Exact forms of the per-pixel 7x7 depthwise convolution, built from operators that every backend has.

    out[c, p] = sum_k F[g(c), k, p] * u[c, p + k]        F[g, k, p] = sum_r A[g, k, r] z[r, p] + b[g, k]

u: the C maps to be filtered; z: the R = C/4 maps before the last 1x1 (A, b) of the filter network; k: 49 taps.
Which one is fastest depends on backend, precision and machine (see docs): it is chosen by measuring.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlgsanet.imaging.errors import unknown
from dlgsanet.network.config import CHANNELS_PER_GROUP, KERNEL
from dlgsanet.network.dynamic_conv import dynamic_depthwise_conv
from dlgsanet.network.layers import MHDLSA, FilterNetwork
from export.passes.base import Context, Outcome, Pass, replace_all
from export.passes.convs import compose_1x1, split

TAPS = KERNEL * KERNEL
STATIC = "static"  # what the manifest calls the lowering of a network that has no dynamic convolution


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
        self.last, self.tile = last, tile

    def forward(self, u: Tensor, z: Tensor) -> Tensor:
        h, w = self.tile
        groups = self.last.out_channels // TAPS
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
    """sum_r z[r] * DWConv7x7(u; A[:, :, r]) + DWConv7x7(u; b): the sums swapped, R + 1 static convolutions."""

    def __init__(self, last: nn.Conv2d) -> None:
        super().__init__()
        weight, bias = _basis(last)
        self.steered = nn.ModuleList(_depthwise(weight[:, r]) for r in range(weight.shape[1]))
        self.constant = _depthwise(bias)

    def forward(self, u: Tensor, z: Tensor) -> Tensor:
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


class LocalMix(nn.Module):
    """Twin of a dynamic MHDLSA with its parts apart: (1, C, H, W) -> (1, C, H, W).

    `composed` says what `filter_in` reads: the normalised input itself, or u = project_in(input).
    """

    def __init__(self, source: MHDLSA) -> None:
        super().__init__()
        hyper = source.conv
        assert isinstance(hyper, FilterNetwork)
        last = hyper.conv2[0]
        assert isinstance(last, nn.Conv2d)
        self.composed = False
        self.project_in = source.conv0
        self.filter_in, self.filter_spread = hyper.conv1[0], hyper.conv1[1]
        self.dynamic: nn.Module = Direct(last)
        self.project_out = source.conv1

    def forward(self, x: Tensor) -> Tensor:
        u = self.project_in(x)
        z = self.filter_spread(self.filter_in(x if self.composed else u))
        out: Tensor = self.project_out(self.dynamic(u, z))
        return out


@dataclass(frozen=True)
class Lowering:
    """One exact form: `make(last 1x1 of the filter network, tile)` returns the module (u, z) -> out."""

    name: str
    identity: str
    make: Callable[[nn.Conv2d, tuple[int, int]], nn.Module]


LOWERINGS = {
    row.name: row
    for row in (
        Lowering("shift", "sum of 49 shifted inputs, each times one filter map", Shift),
        Lowering(
            "basis",
            "sum_r z_r DWConv(u; A_r) + DWConv(u; b), C/4 + 1 depthwise convolutions",
            lambda last, tile: Basis(last),
        ),
        Lowering(
            "basis-fused",
            "sum_r z_r DWConv(u; A_r) + DWConv(u; b), the A_r as one grouped convolution of multiplier C/4",
            BasisFused,
        ),
    )
}


def lowering(name: str) -> Lowering:
    """The lowering of this name; InputError, listing the known ones, if there is none."""
    if name not in LOWERINGS:
        raise unknown("lowering", name, LOWERINGS)
    return LOWERINGS[name]


def _basis(last: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """(A, b) per channel: (C, R, 7, 7) and (C, 7, 7)."""
    groups, rank = last.out_channels // TAPS, last.in_channels
    assert last.bias is not None
    weight = last.weight.detach().reshape(groups, KERNEL, KERNEL, rank).permute(0, 3, 1, 2)
    bias = last.bias.detach().reshape(groups, KERNEL, KERNEL)
    return weight.repeat_interleave(CHANNELS_PER_GROUP, 0), bias.repeat_interleave(CHANNELS_PER_GROUP, 0)


def _depthwise(weight: Tensor, groups: int | None = None) -> nn.Conv2d:
    """A bias-free 7x7 convolution with these filters (out, 7, 7), depthwise with multiplier out / groups."""
    out = int(weight.shape[0])
    per_group = groups or out
    conv = nn.Conv2d(per_group, out, KERNEL, padding=KERNEL // 2, groups=per_group, bias=False, dtype=weight.dtype)
    conv.load_state_dict({"weight": weight[:, None].contiguous()}, strict=True)
    return conv


def _expose(root: nn.Module, context: Context) -> Outcome:
    static = [m for m in root.modules() if isinstance(m, MHDLSA) and not m.dynamic]
    if static:
        return Outcome(0, "the network's filters are static: there is no dynamic convolution")
    return Outcome(replace_all(root, MHDLSA, LocalMix))


def _compose(root: nn.Module, context: Context) -> Outcome:
    places = 0
    for mix in root.modules():
        if isinstance(mix, LocalMix) and not mix.composed:
            assert isinstance(mix.filter_in, nn.Conv2d)
            mix.filter_in = compose_1x1(mix.filter_in, mix.project_in)
            mix.composed = True
            places += 1
    return Outcome(places)


def _lower(root: nn.Module, context: Context) -> Outcome:
    chosen = lowering(context.lowering)
    return Outcome(replace_all(root, Direct, lambda direct: chosen.make(direct.last, context.tile)))


EXPOSE_FILTERS = Pass(
    "expose-filters",
    "the filter network is linear: its last 1x1 (A, b) is handed to the dynamic convolution unapplied",
    _expose,
)
COMPOSE_FILTER_INPUT = Pass(
    "compose-filter-input",
    "Wf (W0 n + b0) + bf = (Wf W0) n + (Wf b0 + bf): the filter network reads n beside W0, not after it",
    _compose,
    needs=(EXPOSE_FILTERS.name,),
)
LOWER_DYNAMIC_CONV = Pass(
    "lower-dynamic-conv",
    "sum_k F[k, p] u[p + k] in the form that the chosen lowering states",
    _lower,
    needs=(EXPOSE_FILTERS.name,),
)
