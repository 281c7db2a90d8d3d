"""LayerNorm over channels without leaving NCHW, and its affine part folded into what reads it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dlgsanet.network.attention import SparseGSA
from dlgsanet.network.layers import GDFN, LAYER_NORM_EPS, MHDLSA, LayerNorm
from dlgsanet.network.model import GlobalBlock, LocalBlock
from export.rewriting.conv_algebra import fold_affine_before
from export.rewriting.pass_contract import Outcome, Pass, PassContext, replace_all


def normalise(x: Tensor) -> Tensor:
    """(x - mean) / sqrt(biased variance + eps) per pixel over the channels of (N, C, H, W).

    The variance is the mean of the squared deviations: E[x^2] - mean^2 would cancel where means are huge.
    """
    centred = x - torch.mean(x, 1, True)
    variance = torch.mean(centred * centred, 1, True)
    return centred / torch.sqrt(variance + LAYER_NORM_EPS)


class Affine(nn.Module):
    """The two parameters (C,) of a LayerNorm, under the reference's names."""

    def __init__(self, channels: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, dtype=dtype))
        self.bias = nn.Parameter(torch.empty(channels, dtype=dtype))


class NchwLayerNorm(nn.Module):
    """Twin of LayerNorm with the same parameters, computed over dim 1 instead of a permuted last one."""

    def __init__(self, source: LayerNorm | NchwLayerNorm) -> None:
        super().__init__()
        weight: Tensor = source.body.weight
        self.body: Affine = Affine(weight.shape[0], weight.dtype)
        self.load_state_dict(source.state_dict(), strict=True)

    def forward(self, x: Tensor) -> Tensor:
        scale, shift = self.body.weight.reshape(1, -1, 1, 1), self.body.bias.reshape(1, -1, 1, 1)
        return self.normalised(x) * scale + shift

    def normalised(self, x: Tensor) -> Tensor:
        """Before the affine part; another form of it is a subclass."""
        return normalise(x)


class Normalise(nn.Module):
    """What remains of a LayerNorm whose affine part lives in the next convolution."""

    def forward(self, x: Tensor) -> Tensor:
        return normalise(x)


def _to_nchw(root: nn.Module, context: PassContext) -> Outcome:
    return Outcome(replace_all(root, LayerNorm, NchwLayerNorm))


def _fold_affine(root: nn.Module, context: PassContext) -> Outcome:
    places = 0
    for block in root.modules():
        if isinstance(block, LocalBlock):
            places += _fold_into(block, "norm1", block.IDynamicDWConv, "conv0")
            places += _fold_into(block, "norm2", block.IDynamic_ffn, "project_in")
        elif isinstance(block, GlobalBlock):
            places += _fold_into(block, "norm3", block.restormer_attn, "qkv")
            places += _fold_into(block, "norm4", block.restormer_ffn, "project_in")
    return Outcome(places, None if places else "no normalisation is read by a plain 1x1 convolution only")


def _fold_into(block: nn.Module, norm_name: str, reader: nn.Module, conv_name: str) -> int:
    norm = getattr(block, norm_name)
    if not isinstance(norm, NchwLayerNorm) or type(reader) not in (MHDLSA, GDFN, SparseGSA):
        return 0
    conv = getattr(reader, conv_name)
    assert isinstance(conv, nn.Conv2d)
    setattr(reader, conv_name, fold_affine_before(conv, norm.body.weight, norm.body.bias))
    setattr(block, norm_name, Normalise())
    return 1


LAYER_NORM_NCHW = Pass(
    "layer-norm-nchw",
    "LN over a permuted last axis = mean and biased variance over dim 1, eps 1e-5 inside the root",
    _to_nchw,
)
FOLD_NORM_AFFINE = Pass(
    "fold-norm-affine",
    "W (w * n + b) = (W diag(w)) n + W b for the 1x1 convolution that is the norm's only reader",
    _fold_affine,
    needs=(LAYER_NORM_NCHW.name,),
)
