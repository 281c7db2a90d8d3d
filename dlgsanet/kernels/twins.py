"""Twins of the network's parts: the very same parameters under the same names, computed by fused operators."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from dlgsanet.network.attention import SparseGSA
from dlgsanet.network.config import KERNEL
from dlgsanet.network.layers import GDFN, MHDLSA, FilterNetwork, LayerNorm
from dlgsanet.network.model import GlobalBlock, Group, LocalBlock

Convolve = Callable[[Tensor, Tensor, Tensor, Tensor, int], Tensor]  # u, z, weight, bias, kernel
Depthwise = Callable[[Tensor, Tensor, Tensor | None], Tensor]  # x, weight, bias
Gate = Callable[[Tensor, Tensor], Tensor]  # x, weight
Attend = Callable[[Tensor, Tensor], Tensor]  # qkv, temperature
Norm = Callable[[Tensor, Tensor, Tensor], Tensor]  # x, weight, bias
AddedNorm = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]  # stream, branch, weight, bias


@dataclass(frozen=True)
class Norms:
    """LayerNorm alone, and of a sum that is wanted as well."""

    alone: Norm
    added: AddedNorm


@dataclass(frozen=True)
class Operators:
    """The fused operators of one form; what is None stays as in the reference."""

    convolve: Convolve | None = None
    depthwise: Depthwise | None = None
    gate: Gate | None = None
    attend: Attend | None = None
    norms: Norms | None = None


class FusedMHDLSA(nn.Module):
    """MHDLSA whose filters are made where they are used, never as a tensor."""

    def __init__(self, plain: MHDLSA, convolve: Convolve) -> None:
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


class FusedDepthwise(nn.Module):
    """A depthwise 7x7 convolution, of the filters' network or the static ablation."""

    def __init__(self, plain: nn.Conv2d, convolve: Depthwise) -> None:
        super().__init__()
        self.weight, self.bias = plain.weight, plain.bias
        self.convolve = convolve

    def forward(self, x: Tensor) -> Tensor:
        return self.convolve(x, self.weight, self.bias)


class FusedGDFN(nn.Module):
    """GDFN with depthwise convolution, GELU and product in one operator."""

    def __init__(self, plain: GDFN, gate: Gate) -> None:
        super().__init__()
        self.project_in, self.dwconv, self.project_out = plain.project_in, plain.dwconv, plain.project_out
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.project_out(self.gate(self.project_in(x), self.dwconv.weight))
        return out


class FusedSparseGSA(SparseGSA):
    """SparseGSA with ReLU, its attention in one operator; in windows, too."""

    def __init__(self, plain: SparseGSA, attend: Attend) -> None:
        nn.Module.__init__(self)  # parameters of its own would be thrown away
        self.window, self.activation, self.temperature = plain.window, plain.activation, plain.temperature
        self.qkv, self.qkv_dwconv, self.project_out = plain.qkv, plain.qkv_dwconv, plain.project_out
        self.attend = attend

    def _attend(self, qkv: Tensor) -> Tensor:
        return self.attend(qkv, self.temperature)


class FusedGroup(nn.Module):
    """A group whose residual sums and the norms after them are one operator each."""

    def __init__(self, plain: Group, norms: Norms) -> None:
        super().__init__()
        self.body = plain.body
        self.norms = norms

    def forward(self, x: Tensor) -> Tensor:
        *blocks, last = self.body
        stream: Tensor = x
        branch: Tensor | None = None
        for block in blocks:
            for norm, part in _halves(block):
                weight, bias = norm.body.weight, norm.body.bias
                if branch is None:
                    normed = self.norms.alone(stream, weight, bias)
                else:
                    stream, normed = self.norms.added(stream, branch, weight, bias)
                branch = part(normed)
        assert branch is not None
        out: Tensor = last(stream + branch) + x
        return out


def _halves(block: nn.Module) -> Iterator[tuple[LayerNorm, nn.Module]]:
    """What is added to the stream, in order: a norm, and the part that takes what it gives."""
    if isinstance(block, LocalBlock):
        yield block.norm1, block.IDynamicDWConv
        yield block.norm2, block.IDynamic_ffn
    else:
        assert isinstance(block, GlobalBlock)
        yield block.norm3, block.restormer_attn
        yield block.norm4, block.restormer_ffn


def fuse(model: nn.Module, operators: Operators) -> int:
    """Put twins in the place of the parts of `model`; returns how many. The parameters stay the same objects."""
    count = 0
    for name, child in list(model.named_children()):
        twin = _twin(child, operators)
        if twin is not None:
            setattr(model, name, twin.train(child.training))
            count += 1
        count += fuse(twin or child, operators)
    return count


def _twin(plain: nn.Module, operators: Operators) -> nn.Module | None:
    if operators.convolve and isinstance(plain, MHDLSA) and plain.dynamic:
        return FusedMHDLSA(plain, operators.convolve)
    if operators.depthwise and isinstance(plain, nn.Conv2d) and _is_depthwise(plain):
        return FusedDepthwise(plain, operators.depthwise)
    if operators.gate and isinstance(plain, GDFN):
        return FusedGDFN(plain, operators.gate)
    if operators.attend and type(plain) is SparseGSA and plain.activation == "relu":
        return FusedSparseGSA(plain, operators.attend)
    if operators.norms and isinstance(plain, Group):
        return FusedGroup(plain, operators.norms)
    return None


def _is_depthwise(conv: nn.Conv2d) -> bool:
    """Of 7x7 alone: the reference's smaller ones are as fast."""
    return conv.kernel_size == (KERNEL, KERNEL) and conv.groups == conv.in_channels == conv.out_channels
