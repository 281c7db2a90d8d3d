"""GDFN with its two halves as convolutions of their own, so that no tensor has to be split."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from dlgsanet.network.layers import GDFN
from export.rewriting.conv_algebra import slice_outputs, split
from export.rewriting.pass_contract import Outcome, Pass, PassContext, replace_all


class FriendlyGDFN(nn.Module):
    """Twin of GDFN for graphs: the halves a and b come from one wide convolution pair by one split."""

    def __init__(self, source: GDFN) -> None:
        super().__init__()
        self.hidden = source.project_out.in_channels
        self.project_in, self.dwconv = source.project_in, source.dwconv
        self.project_out = source.project_out

    def forward(self, x: Tensor) -> Tensor:
        a, b = split(self.dwconv(self.project_in(x)), [self.hidden] * 2, 1)
        out: Tensor = self.project_out(F.gelu(a) * b)
        return out


class SplitGDFN(nn.Module):
    """Twin of GDFN whose halves are computed apart; every weight is a slice of the source's."""

    def __init__(self, source: FriendlyGDFN) -> None:
        super().__init__()
        hidden = source.hidden
        self.project_in_a = slice_outputs(source.project_in, 0, hidden)
        self.project_in_b = slice_outputs(source.project_in, hidden, hidden)
        self.dwconv_a = slice_outputs(source.dwconv, 0, hidden)
        self.dwconv_b = slice_outputs(source.dwconv, hidden, hidden)
        self.project_out = source.project_out

    def forward(self, x: Tensor) -> Tensor:
        a = self.dwconv_a(self.project_in_a(x))
        b = self.dwconv_b(self.project_in_b(x))
        out: Tensor = self.project_out(F.gelu(a) * b)
        return out


def _slice(root: nn.Module, context: PassContext) -> Outcome:
    return Outcome(replace_all(root, GDFN, FriendlyGDFN))


def _split(root: nn.Module, context: PassContext) -> Outcome:
    return Outcome(replace_all(root, FriendlyGDFN, SplitGDFN))


SLICE_GDFN = Pass("slice-gdfn", "chunk(x, 2) = a split at fixed channels", _slice)
SPLIT_GDFN = Pass(
    "split-gdfn",
    "the halves of a dense (or depthwise) convolution's output are convolutions with halves of its weight",
    _split,
    needs=(SLICE_GDFN.name,),
)
