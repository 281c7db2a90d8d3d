"""What every fused form is held to: the plain one in float64, values and all gradients."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from dlgsanet.network.attention import SparseGSA
from dlgsanet.network.dynamic_conv import dynamic_depthwise_conv
from dlgsanet.network.layers import LayerNorm

FP32, BF16 = 2e-5, 0.05  # worst error over the root mean square: sums of 49 x 12 terms; one rounding of 2^-8


def plain_conv(u: Tensor, z: Tensor, weight: Tensor, bias: Tensor, kernel: int) -> Tensor:
    return dynamic_depthwise_conv(u, F.conv2d(z, weight, bias), kernel)


def plain_gate(x: Tensor, weight: Tensor) -> Tensor:
    a, b = F.conv2d(x, weight, padding=1, groups=weight.shape[0]).chunk(2, dim=1)
    return F.gelu(a) * b


def plain_depthwise(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2, groups=weight.shape[0])


def plain_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    named = {"body.weight": weight, "body.bias": bias}
    out: Tensor = torch.func.functional_call(LayerNorm(x.shape[1]), named, (x,))
    return out


def plain_added_norm(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    return x + y, plain_norm(x + y, weight, bias)


def plain_attention(qkv: Tensor, temperature: Tensor) -> Tensor:
    part = SparseGSA(qkv.shape[1] // 3, 48, "relu").to(qkv.dtype)
    del part.temperature
    part.temperature = temperature  # type: ignore[assignment]
    return part._attend(qkv)


def conv_inputs(shape: tuple[int, int, int, int], groups: int, maps: int, kernel: int) -> tuple[Tensor, ...]:
    n, _, h, w = shape
    torch.manual_seed(0)
    rows = groups * kernel**2
    return torch.randn(shape), torch.randn(n, maps, h, w), torch.randn(rows, maps, 1, 1), torch.randn(rows)


def outcomes(form: Callable[..., Tensor | tuple[Tensor, ...]], inputs: tuple[Tensor, ...], *fixed: int) -> list[Tensor]:
    """The outputs and the gradient of every input, for one and the same gradient of the outputs."""
    leaves = [t.detach().clone(memory_format=torch.preserve_format).requires_grad_() for t in inputs]
    made = form(*leaves, *fixed)
    outs = made if isinstance(made, tuple) else (made,)
    torch.manual_seed(1)
    torch.autograd.backward(outs, [torch.randn(out.shape).to(out.dtype) for out in outs])
    return [*(out.detach() for out in outs), *(leaf.grad for leaf in leaves if leaf.grad is not None)]


def worst_error(found: list[Tensor], wanted: list[Tensor]) -> float:
    """Largest difference relative to the root mean square of the tensor it is in."""
    assert len(found) == len(wanted)
    pairs = zip(found, wanted, strict=True)
    return max(float((a.double() - b).abs().max() / b.square().mean().sqrt().clamp_min(1e-30)) for a, b in pairs)
