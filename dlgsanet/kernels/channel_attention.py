"""Sparse channel attention over a channels-last picture, with a backward pass of its own: no copy into another layout.

The plain form splits q, k and v into heads, normalises two of them and multiplies head by head, each step a copy. Here
all heads' products are one C x C product (the parts between heads masked away: more arithmetic, but a small part of the
whole), and the norms divide that small map instead of the large tensors. The result is the same up to rounding.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from dlgsanet.network.attention import NORM_EPS
from dlgsanet.network.autograd import Context


def channel_attention(qkv: Tensor, temperature: Tensor) -> Tensor:
    """ReLU(temperature * q k^T) v for each head, q and k of unit length along H*W: (N, 3C, H, W) -> (N, C, H, W).

    temperature: (heads, 1, 1), with heads dividing C. Any float type; products in the type of `qkv`, everything of the
    C x C map in fp32 (fp64 for fp64). The result is channels-last. Differentiable once in both.
    """
    n, c3, h, w = qkv.shape
    c = c3 // 3
    pixels = qkv.permute(0, 2, 3, 1).reshape(n, h * w, c3)  # a view where qkv is channels-last
    mixed: Tensor = _ChannelAttention.apply(pixels, temperature)  # type: ignore[no-untyped-call]
    return mixed.view(n, h, w, c).permute(0, 3, 1, 2)


class _ChannelAttention(torch.autograd.Function):
    """x: (N, L, 3C); temperature: (heads, 1, 1). Returns (N, L, C)."""

    @staticmethod
    def forward(ctx: Context, x: Tensor, temperature: Tensor) -> Tensor:
        c = x.shape[2] // 3
        work = torch.promote_types(x.dtype, torch.float32)
        squares = x[..., : 2 * c].to(work, copy=True).square_()
        norms = squares.sum(1).sqrt_().clamp_min_(NORM_EPS)  # vector_norm along this dimension takes 5 times as long
        norm_q, norm_k = norms[:, :c, None], norms[:, None, c:]
        products = torch.bmm(x[..., :c].mT, x[..., c : 2 * c]).to(work)  # (N, C, C)
        head = torch.arange(c, device=x.device) // (c // temperature.shape[0])
        cosines = (products / (norm_q * norm_k)).masked_fill_(head[:, None] != head, 0.0)
        scores = (cosines * temperature[head, 0]).relu_()
        attention = scores.to(x.dtype)
        ctx.save_for_backward(x, temperature, cosines, scores, attention, norm_q, norm_k, head)
        return torch.bmm(x[..., 2 * c :], attention.mT)

    @staticmethod
    @once_differentiable
    def backward(ctx: Context, grad: Tensor) -> tuple[Tensor, Tensor]:
        x, temperature, cosines, scores, attention, norm_q, norm_k, head = ctx.saved_tensors
        c, grad = attention.shape[1], grad.to(x.dtype)
        of_scores = torch.where(scores > 0, torch.bmm(grad.mT, x[..., 2 * c :]).to(scores.dtype), 0.0)
        of_cosines = of_scores * temperature[head, 0]
        grad_x = torch.empty_like(x)
        of_norms = _gradient_map(of_cosines, cosines, norm_q, norm_k)
        torch.bmm(x[..., : 2 * c], of_norms.to(x.dtype), out=grad_x[..., : 2 * c])
        torch.bmm(grad, attention, out=grad_x[..., 2 * c :])
        of_rows = (of_scores * cosines).sum((0, 2))
        return grad_x, of_rows.view(temperature.shape[0], -1).sum(1).view_as(temperature).to(temperature.dtype)


def _gradient_map(of_cosines: Tensor, cosines: Tensor, norm_q: Tensor, norm_k: Tensor) -> Tensor:
    """(N, 2C, 2C): the gradients of q and k are (q, k) times this. With u = q.k / (|q||k|), du/dq = k / (|q||k|) -
    u q / |q|^2: the first part lies off the diagonal, the second on it."""
    c = cosines.shape[1]
    whole = cosines.new_zeros(cosines.shape[0], 2 * c, 2 * c)
    whole[:, :c, c:] = of_cosines / (norm_q * norm_k)
    whole[:, c:, :c] = whole[:, :c, c:].mT
    along = of_cosines * cosines
    diagonal = torch.cat([along.sum(2) / norm_q[:, :, 0].square(), along.sum(1) / norm_k[:, 0].square()], 1)
    whole.diagonal(dim1=1, dim2=2).sub_(diagonal)
    return whole
