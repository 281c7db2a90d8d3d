"""Norms that survive 16-bit floats: every row is divided by its own peak before anything is squared.

In fp16 a square overflows from 256 and drowns below 0.008; 1e-12 is zero, and 1e-5 has two digits left. Networks
have both: features of 0.02 behind the first convolution, and residual streams that grow with depth. A row divided
by its largest absolute value has squares of at most 1 and one that is 1, whatever the network was trained to.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dlgsanet.network.attention import NORM_EPS
from dlgsanet.network.layers import LAYER_NORM_EPS
from export.rewriting.pass_contract import Outcome, Pass, PassContext, replace_all
from export.rewriting.passes.attention import UNROLL_TLC, UnitFirst
from export.rewriting.passes.layer_norm import LAYER_NORM_NCHW, NchwLayerNorm, Normalise

TINY = 2.0**-14  # the smallest normal fp16 number
ROOT_EPS = LAYER_NORM_EPS**0.5  # 0.003 is a normal fp16 number, and so is its quotient by any peak


def normalise_by_peak(x: Tensor) -> Tensor:
    """What `export.rewriting.passes.layer_norm.normalise` computes: c / sqrt(mean c^2 + eps) = d / sqrt(mean d^2 + eps
    / p^2).

    c: (N, C, H, W) minus its mean over C; d = c / p; exact for every p > 0. p = max(max |c|, TINY), (N, 1, H, W).
    """
    centred = x - torch.mean(x, 1, True)
    peak = torch.clamp_min(torch.amax(torch.abs(centred), 1, True), TINY)
    scaled = centred / peak
    eps = ROOT_EPS / peak
    return scaled / torch.sqrt(torch.mean(scaled * scaled, 1, True) + eps * eps)


class PeakNormalise(nn.Module):
    """Twin of Normalise."""

    def forward(self, x: Tensor) -> Tensor:
        return normalise_by_peak(x)


class PeakLayerNorm(NchwLayerNorm):
    """Twin of NchwLayerNorm, for a norm whose affine part could not be folded."""

    def normalised(self, x: Tensor) -> Tensor:
        return normalise_by_peak(x)


class UnitByPeak(nn.Module):
    """Twin of UnitFirst: scores = temperature * unit(q) unit(k)^T with units whose squares stay in range.

    q / max(|q|, eps) = d / max(|d|, eps / p), d = q / p, p = max(max |q|, TINY) along the pixels. |d| >= 1 where
    the peak is the row's own, so any eps up to TINY gives the same there: an fp16 exporter may raise it to TINY.
    """

    def __init__(self, source: UnitFirst) -> None:
        super().__init__()
        self.temperature = source.temperature

    def forward(self, q: Tensor, k: Tensor) -> Tensor:
        return _unit(q) @ _unit(k).permute(0, 1, 3, 2) * self.temperature


def _unit(x: Tensor) -> Tensor:
    """(..., L) -> the same, each row of length 1 or 0."""
    peak = torch.clamp_min(torch.amax(torch.abs(x), -1, True), TINY)
    scaled = x / peak
    return scaled / torch.maximum(torch.linalg.vector_norm(scaled, 2, -1, True), NORM_EPS / peak)


def _normalise(root: nn.Module, context: PassContext) -> Outcome:
    places = replace_all(root, Normalise, lambda source: PeakNormalise())
    return Outcome(places + replace_all(root, NchwLayerNorm, PeakLayerNorm))


def _units(root: nn.Module, context: PassContext) -> Outcome:
    return Outcome(replace_all(root, UnitFirst, UnitByPeak))


NORMALISE_BY_PEAK = Pass(
    "normalise-by-peak",
    "c / sqrt(mean c^2 + eps) = (c / p) / sqrt(mean (c / p)^2 + eps / p^2) for every p > 0, here the pixel's peak",
    _normalise,
    needs=(LAYER_NORM_NCHW.name,),
)
UNIT_BY_PEAK = Pass(
    "unit-by-peak",
    "q / max(|q|, eps) = (q / p) / max(|q / p|, eps / p), p the row's peak: a row of its own peak has |q / p| >= 1",
    _units,
    needs=(UNROLL_TLC.name,),
)
