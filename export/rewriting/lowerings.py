"""Lowering the dynamic convolution: the table of its exact forms (`export.rewriting.dynamic_conv_forms`), and the
passes around it.

Which form is fastest depends on backend, precision and machine (see docs): it is chosen by measuring.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from dlgsanet.errors import unknown
from dlgsanet.network.layers import MHDLSA, FilterNetwork
from export.rewriting.conv_algebra import compose_1x1
from export.rewriting.dynamic_conv_forms import (
    Basis,
    BasisFused,
    BasisGrouped,
    ChannelsLast,
    Direct,
    Rows,
    Shift,
    Unfold,
)
from export.rewriting.pass_contract import Outcome, Pass, PassContext, replace_all
from export.targets.row import BASIS, BASIS_FUSED, BASIS_GROUPED, BY_ROWS, CHANNELS_LAST, SHIFT, UNFOLD

STATIC = "static"  # what the manifest calls the lowering of a network that has no dynamic convolution


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


_BASIS = "sum_r z_r DWConv(u; A_r) + DWConv(u; b)"

FORMS = {
    row.name: row
    for row in (
        Lowering(BASIS, f"{_BASIS}, C/4 + 1 depthwise convolutions", Basis),
        Lowering(BASIS_FUSED, f"{_BASIS}, the A_r as one grouped convolution of multiplier C/4", BasisFused),
        Lowering(BASIS_GROUPED, f"{_BASIS}, four A_r at once on four copies of u", BasisGrouped),
        Lowering(SHIFT, "sum of 49 shifted inputs, each times one filter map", Shift),
        Lowering(BY_ROWS, "sum of 7 shifted sums of 7 inputs shifted along the other axis, filters shifted back", Rows),
        Lowering(CHANNELS_LAST, "sum of 49 shifted inputs, each times one filter map, channels last", ChannelsLast),
        Lowering(UNFOLD, "all 49 neighbours as maps, times the filters, summed", Unfold),
    )
}


def lowering(name: str) -> Lowering:
    """The lowering of this name; InputError, listing the known ones, if there is none."""
    if name not in FORMS:
        raise unknown("lowering", name, FORMS)
    return FORMS[name]


def _expose(root: nn.Module, context: PassContext) -> Outcome:
    static = [m for m in root.modules() if isinstance(m, MHDLSA) and not m.dynamic]
    if static:
        return Outcome(0, "the network's filters are static: there is no dynamic convolution")
    return Outcome(replace_all(root, MHDLSA, LocalMix))


def _compose(root: nn.Module, context: PassContext) -> Outcome:
    places = 0
    for mix in root.modules():
        if isinstance(mix, LocalMix) and not mix.composed:
            assert isinstance(mix.filter_in, nn.Conv2d)
            mix.filter_in = compose_1x1(mix.filter_in, mix.project_in)
            mix.composed = True
            places += 1
    return Outcome(places)


def _lower(root: nn.Module, context: PassContext) -> Outcome:
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
