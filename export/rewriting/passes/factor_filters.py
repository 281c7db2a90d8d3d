"""The dynamic filters' 1x1 as a product of two where its rank allows: fewer maps of z, fewer convolutions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from export.rewriting.conv_algebra import conv_like
from export.rewriting.dynamic_conv_forms import Direct
from export.rewriting.lowerings import EXPOSE_FILTERS, LocalMix
from export.rewriting.pass_contract import Outcome, Pass, PassContext

FULL = "no filter network has fewer independent directions than maps"
ROUNDING = 1e-11
"""Singular values below this share of the largest are rounding: weights that went through float32 have 1e-8."""


def factor(weight: Tensor) -> tuple[Tensor, Tensor] | None:
    """A (F, R) = U (F, r) P (r, R) with r the rank of A; None where r is R."""
    u, s, v = torch.linalg.svd(weight, full_matrices=False)
    rank = max(1, int((s > ROUNDING * s[0]).sum()))
    return None if rank == weight.shape[1] else (u[:, :rank] * s[:rank], v[:rank])


def _factor(root: nn.Module, context: PassContext) -> Outcome:
    places = 0
    for mix in root.modules():
        if isinstance(mix, LocalMix) and isinstance(mix.dynamic, Direct) and isinstance(mix.filter_spread, nn.Conv2d):
            last, spread = mix.dynamic.last, mix.filter_spread
            parts = factor(last.weight.detach()[:, :, 0, 0])
            if parts is None:
                continue
            filters, maps = (part[:, :, None, None] for part in parts)
            mix.filter_spread = nn.Sequential(spread, conv_like(last, maps, None))
            mix.dynamic = Direct(conv_like(last, filters, last.bias))
            places += 1
    return Outcome(places, None if places else FULL)


FACTOR_FILTERS = Pass(
    "factor-filters",
    "A = U P of rank r: A z + b = U (P z) + b, with r maps instead of C/4 (only where a basis was compressed)",
    _factor,
    needs=(EXPOSE_FILTERS.name,),
)
