"""The mean colour at both ends of the network: the output's folds into a bias, the input's cannot."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dlgsanet.network.model import DLGSANet
from export.rewriting.conv_algebra import conv_like
from export.rewriting.pass_contract import Outcome, Pass, PassContext


class FixedNet(nn.Module):
    """The network as a graph for one tile: the reference's children under their names, no training switches.

    (1, 3, H, W) RGB in [0, 1] -> (1, 3, sH, sW). `add_mean` is cleared once the output's mean lives in a bias;
    `reflected_along` is set once the channels of the residual stream are reflected along that vector.
    """

    mean: Tensor

    def __init__(self, source: DLGSANet) -> None:
        super().__init__()
        self.register_buffer("mean", source.mean.clone(), persistent=False)
        self.add_mean = True
        self.reflected_along: tuple[float, ...] | None = None
        self.overlap_embed = source.overlap_embed
        self.deep_feature_extraction = source.deep_feature_extraction
        self.upsample = source.upsample

    def forward(self, lr: Tensor) -> Tensor:
        shallow = self.overlap_embed(lr - self.mean)
        deep = self.deep_feature_extraction(shallow) + shallow
        out: Tensor = self.upsample(deep)
        return out + self.mean if self.add_mean else out


def _fold_output(root: nn.Module, context: PassContext) -> Outcome:
    if not isinstance(root, FixedNet):
        return Outcome(0, "the network does not end in a sum with the mean colour")
    conv, shuffle = root.upsample[0], root.upsample[1]
    assert isinstance(conv, nn.Conv2d) and isinstance(shuffle, nn.PixelShuffle)
    per_colour = root.mean.flatten().repeat_interleave(shuffle.upscale_factor**2)
    bias = per_colour if conv.bias is None else conv.bias + per_colour
    root.upsample[0] = conv_like(conv, conv.weight, bias)
    root.add_mean = False
    return Outcome(1)


def _refuse_input(root: nn.Module, context: PassContext) -> Outcome:
    if isinstance(root, FixedNet) and torch.count_nonzero(root.mean) == 0:
        return Outcome(0, "the mean is zero: there is nothing to fold")
    reason = "the first convolution pads with zeros after the subtraction, so the image border would change"
    return Outcome(0, reason)


FOLD_OUTPUT_MEAN = Pass(
    "fold-output-mean",
    "shuffle(W x + b) + mean = shuffle(W x + (b + mean of each output channel's colour))",
    _fold_output,
)
FOLD_INPUT_MEAN = Pass(
    "fold-input-mean", "W (x - mean) = W x - W mean holds only away from the zero padding", _refuse_input
)
