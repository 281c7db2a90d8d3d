"""The per-pixel 7x7 depthwise convolution of MHDLSA in plain PyTorch, without a 49-fold copy.

    out[n, c, y, x] = sum_{i, j < K}  filters[n, c // m, K*i + j, y, x] * u[n, c, y + i - K//2, x + j - K//2]

zero padded, no flip, no bias; m channels share a filter. Evaluated tap by tap (K*K multiply-accumulates of
one shifted view), so that nothing larger than the filters themselves is ever stored; the backward pass
recomputes the shifted views instead of keeping them.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from dlgsanet.network.autograd import KernelContext

_LOW_PRECISION = (torch.bfloat16, torch.float16)


def dynamic_depthwise_conv(u: Tensor, filters: Tensor, kernel: int) -> Tensor:
    """Convolve every pixel of every channel with a filter of its own.

    u: (N, C, H, W). filters: (N, G * K*K, H, W) with G dividing C, taps row by row inside each group.
    Returns (N, C, H, W) in the dtype of `u`. bf16 and fp16 inputs are summed in fp32: 49 terms rounded one
    after the other would lose three of bf16's eight bits. Differentiable once in both arguments.
    """
    result: Tensor = _DynamicConv.apply(u, filters.to(u.dtype), kernel)  # type: ignore[no-untyped-call]
    return result


class _DynamicConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: KernelContext, u: Tensor, filters: Tensor, kernel: int) -> Tensor:
        ctx.save_for_backward(u, filters)
        ctx.kernel = kernel
        n, c, h, w = u.shape
        taps = _split_taps(filters, kernel)
        padded = _padded(u, taps.shape[1], kernel)
        out = torch.zeros(n, taps.shape[1], c // taps.shape[1], h, w, dtype=padded.dtype, device=u.device)
        for k in range(kernel * kernel):
            out.addcmul_(_shifted(padded, k, kernel, h, w), taps[:, :, k, None].to(padded.dtype))
        return out.view(n, c, h, w).to(u.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: KernelContext, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        u, filters = ctx.saved_tensors
        kernel: int = ctx.kernel
        n, c, h, w = u.shape
        taps = _split_taps(filters, kernel)
        groups = taps.shape[1]
        padded = _padded(u, groups, kernel)
        grad = grad.contiguous().view(n, groups, c // groups, h, w).to(padded.dtype)
        grad_padded = torch.zeros_like(padded)
        grad_taps = torch.empty_like(taps)
        for k in range(kernel * kernel):
            _shifted(grad_padded, k, kernel, h, w).addcmul_(grad, taps[:, :, k, None].to(padded.dtype))
            grad_taps[:, :, k] = (grad * _shifted(padded, k, kernel, h, w)).sum(2)
        edge = kernel // 2
        grad_u = grad_padded[..., edge : edge + h, edge : edge + w].reshape(n, c, h, w)
        return grad_u.to(u.dtype), grad_taps.view(filters.shape), None


def _split_taps(filters: Tensor, kernel: int) -> Tensor:
    """(N, G, K*K, H, W), rows contiguous: channels-last filters would make every tap a strided gather."""
    n, maps, h, w = filters.shape
    return filters.contiguous().view(n, maps // (kernel * kernel), kernel * kernel, h, w)


def _padded(u: Tensor, groups: int, kernel: int) -> Tensor:
    """(N, G, C/G, H + K - 1, W + K - 1), zero border, in the dtype of the sums."""
    n, c, h, w = u.shape
    work = u.float() if u.dtype in _LOW_PRECISION else u
    return F.pad(work.contiguous(), [kernel // 2] * 4).view(n, groups, c // groups, h + kernel - 1, w + kernel - 1)


def _shifted(padded: Tensor, tap: int, kernel: int, h: int, w: int) -> Tensor:
    i, j = divmod(tap, kernel)
    return padded[..., i : i + h, j : j + w]
