"""The residual stream in a basis of channels where its mean is one coordinate: LayerNorm then subtracts nothing.

Every module between the first convolution and the last reads the stream through a convolution or a LayerNorm and
adds a convolution's output to it, so an orthogonal change of basis H goes into their weights. With H mapping the
mean direction onto channel 0, the deviations from the mean are the other channels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlgsanet.network.attention import SparseGSA
from dlgsanet.network.layers import GDFN, LAYER_NORM_EPS, MHDLSA
from dlgsanet.network.model import GlobalBlock, Group, LocalBlock
from export.rewriting.conv_algebra import conv_like
from export.rewriting.pass_contract import Outcome, Pass, PassContext
from export.rewriting.passes.layer_norm import FOLD_NORM_AFFINE, LAYER_NORM_NCHW, Normalise
from export.rewriting.passes.mean_colour import FixedNet


class Rescale(nn.Module):
    """x / sqrt(variance + eps) of a stream whose channel 0 is the mean: (1, C, H, W) -> (1, C, H, W).

    Channel 0 comes out as zero, so that a huge mean cannot overflow there. The sum of squares is a 1x1
    convolution, which needs no reduction and has eps as its bias.
    """

    deviations: Tensor  # (1, C, 1, 1): 1 but for channel 0

    def __init__(self, channels: int, dtype: torch.dtype) -> None:
        super().__init__()
        deviations = torch.ones(1, channels, 1, 1, dtype=dtype)
        deviations[:, 0] = 0
        self.register_buffer("deviations", deviations)
        self.variance = nn.Conv2d(channels, 1, 1, dtype=dtype)
        state = {"weight": deviations / channels, "bias": torch.full((1,), LAYER_NORM_EPS, dtype=dtype)}
        self.variance.load_state_dict(state, strict=True)

    def forward(self, x: Tensor) -> Tensor:
        centred = x * self.deviations
        return centred / torch.sqrt(self.variance(centred * centred))


def reflection(channels: int, dtype: torch.dtype) -> Tensor:
    """Symmetric orthogonal (C, C) whose first row is the direction of the mean: H = 1 - 2 v v^T / v^T v."""
    v = _axis(channels, dtype)
    return torch.eye(channels, dtype=dtype) - 2 * torch.outer(v, v) / (v @ v)


def _axis(channels: int, dtype: torch.dtype) -> Tensor:
    v = torch.full((channels,), 1 / math.sqrt(channels), dtype=dtype)
    v[0] -= 1
    return v


def _turn(root: nn.Module, context: PassContext) -> Outcome:
    if not isinstance(root, FixedNet):
        return Outcome(0, "the network has no residual stream from a first to a last convolution")
    blocks = [module for module in root.modules() if isinstance(module, (LocalBlock, GlobalBlock))]
    reason = next((reason for block in blocks if (reason := _refusal(block))), None)
    if reason:
        return Outcome(0, reason)
    last = root.upsample[0]
    assert isinstance(last, nn.Conv2d)
    h = reflection(last.in_channels, last.weight.dtype)
    embed = root.overlap_embed[0]
    embed.proj = _turned(embed.get_submodule("proj"), after=h)
    for module in root.modules():
        if isinstance(module, (LocalBlock, GlobalBlock)):
            _turn_block(module, h)
        elif isinstance(module, Group):
            module.body[-1] = _turned(module.body[-1], before=h, after=h)
    root.deep_feature_extraction[-1] = _turned(root.deep_feature_extraction[-1], before=h, after=h)
    root.upsample[0] = _turned(root.upsample[0], before=h)
    root.reflected_along = tuple(_axis(last.in_channels, h.dtype).tolist())
    return Outcome(2 * len(blocks))


def _parts(block: nn.Module) -> tuple[tuple[str, nn.Module, str, str], ...]:
    """(norm, its reader, the reader's first convolution, its last) of both halves of a block."""
    if isinstance(block, LocalBlock):
        return (
            ("norm1", block.IDynamicDWConv, "conv0", "conv1"),
            ("norm2", block.IDynamic_ffn, "project_in", "project_out"),
        )
    assert isinstance(block, GlobalBlock)
    return (
        ("norm3", block.restormer_attn, "qkv", "project_out"),
        ("norm4", block.restormer_ffn, "project_in", "project_out"),
    )


def _refusal(block: nn.Module) -> str | None:
    for norm, reader, _, _ in _parts(block):
        if type(getattr(block, norm)) is not Normalise or type(reader) not in (MHDLSA, GDFN, SparseGSA):
            return "a normalisation still has its affine part, or its reader was rewritten before"
    return None


def _turn_block(block: nn.Module, h: Tensor) -> None:
    for norm, reader, first, last in _parts(block):
        setattr(block, norm, Rescale(int(h.shape[0]), h.dtype))
        setattr(reader, first, _turned(getattr(reader, first), before=h))
        setattr(reader, last, _turned(getattr(reader, last), after=h))


def _turned(conv: nn.Module, *, before: Tensor | None = None, after: Tensor | None = None) -> nn.Conv2d:
    """The convolution that reads (`before`) or writes (`after`) the turned stream; zero padding turns to zero."""
    assert isinstance(conv, nn.Conv2d)
    weight, bias = conv.weight.detach(), conv.bias
    if before is not None:
        weight = torch.einsum("oihw,ij->ojhw", weight, before)
    if after is not None:
        weight = torch.einsum("po,oihw->pihw", after, weight)
        bias = None if bias is None else F.linear(bias, after)
    return conv_like(conv, weight, bias)


TURN_STREAM = Pass(
    "turn-stream",
    "with H orthogonal and H x = (sqrt(C) mean, d): x - mean = H (0, d), |x - mean| = |d|, so H goes into the weights",
    _turn,
    needs=(LAYER_NORM_NCHW.name, FOLD_NORM_AFFINE.name),
)
