"""Twins of the network's parts: the very same parameters under the same names, computed by fused operators."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from dlgsanet.kernels.channel_attention import channel_attention
from dlgsanet.network.attention import SparseGSA
from dlgsanet.network.config import KERNEL
from dlgsanet.network.layers import GDFN, MHDLSA, FilterNetwork

FusedConv = Callable[[Tensor, Tensor, Tensor, Tensor, int], Tensor]  # u, z, weight, bias, kernel
FusedGate = Callable[[Tensor, Tensor], Tensor]  # x, weight


class FusedMHDLSA(nn.Module):
    """MHDLSA whose filters are made where they are used, never as a tensor."""

    def __init__(self, plain: MHDLSA, convolve: FusedConv) -> None:
        super().__init__()
        self.conv0, self.conv1, self.conv = plain.conv0, plain.conv1, plain.conv
        self.convolve = convolve

    def forward(self, x: Tensor) -> Tensor:
        u = self.conv0(x)
        network = self.conv
        assert isinstance(network, FilterNetwork)
        last = network.conv2[0]
        assert isinstance(last, nn.Conv2d) and last.bias is not None
        out: Tensor = self.conv1(self.convolve(u, network.conv1(u), last.weight, last.bias, KERNEL))
        return out


class FusedGDFN(nn.Module):
    """GDFN with depthwise convolution, GELU and product in one operator."""

    def __init__(self, plain: GDFN, gate: FusedGate) -> None:
        super().__init__()
        self.project_in, self.dwconv, self.project_out = plain.project_in, plain.dwconv, plain.project_out
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.project_out(self.gate(self.project_in(x), self.dwconv.weight))
        return out


class FusedSparseGSA(SparseGSA):
    """SparseGSA with ReLU, all heads in one product. In windows, too: only the attention itself differs."""

    def __init__(self, plain: SparseGSA) -> None:
        nn.Module.__init__(self)  # parameters of its own would be thrown away
        self.window, self.activation, self.temperature = plain.window, plain.activation, plain.temperature
        self.qkv, self.qkv_dwconv, self.project_out = plain.qkv, plain.qkv_dwconv, plain.project_out

    def _attend(self, qkv: Tensor) -> Tensor:
        return channel_attention(qkv, self.temperature)


def fuse(model: nn.Module, convolve: FusedConv | None, gate: FusedGate | None) -> int:
    """Put twins in the place of the parts of `model`; returns how many. The parameters stay the same objects.

    The attention's twin needs no compiled operator and always comes along.
    """
    count = 0
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            twin: nn.Module | None = None
            if convolve and isinstance(child, MHDLSA) and child.dynamic:
                twin = FusedMHDLSA(child, convolve)
            elif gate and isinstance(child, GDFN):
                twin = FusedGDFN(child, gate)
            elif type(child) is SparseGSA and child.activation == "relu":
                twin = FusedSparseGSA(child)
            if twin is not None:
                setattr(parent, name, twin.train(child.training))
                count += 1
    return count
