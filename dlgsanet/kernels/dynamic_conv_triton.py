"""The dynamic convolution with its filters made on the way, in Triton: for training on CUDA without their tensor.

Checked with Triton's interpreter against the plain form in float64; it has not been run or timed on a GPU yet, so
that a run uses it only when its configuration says so.
"""

from __future__ import annotations

import torch
import triton
from torch import Tensor
from torch.autograd.function import once_differentiable

from dlgsanet.kernels import triton_programs as programs
from dlgsanet.network.autograd import KernelContext

_BLOCK = 128  # pixels of a program


def dynamic_conv_triton(u: Tensor, z: Tensor, weight: Tensor, bias: Tensor, kernel: int) -> Tensor:
    """dynamic_depthwise_conv(u, conv2d(z, weight, bias), kernel) on CUDA; memory grows with C and R, not with K*K.

    u: (N, C, H, W) and z: (N, R, H, W), fp32, bf16 or fp16, any memory format; weight: (G*K*K, R, 1, 1) and bias:
    (G*K*K), used in fp32, as are the filters and all sums. Returns (N, C, H, W) in the dtype and format of `u`.
    Differentiable once in all four, with the same sums in every run (no atomic additions).
    """
    result: Tensor = _DynamicConv.apply(u, z, weight.float(), bias.float(), kernel)  # type: ignore[no-untyped-call]
    return result


class _DynamicConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: KernelContext, u: Tensor, z: Tensor, weight: Tensor, bias: Tensor, kernel: int) -> Tensor:
        weight, bias = weight.contiguous(), bias.contiguous()
        ctx.save_for_backward(u, z, weight, bias)
        ctx.kernel = kernel
        out = torch.empty_like(u)
        programs.forward[_grid(u, weight, kernel)](
            u, z, weight, bias, out, *u.stride(), *z.stride(), *out.stride(), *_sizes(u, z, weight, kernel)
        )
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: KernelContext, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
        u, z, weight, bias = ctx.saved_tensors
        n, _, h, w = u.shape
        grid, sizes = _grid(u, weight, ctx.kernel), _sizes(u, z, weight, ctx.kernel)
        groups, shares = weight.shape[0] // ctx.kernel**2, grid[0] * n
        grad_u = torch.empty_like(u)
        grad_zs = torch.empty(n, groups, z.shape[1], h, w, device=u.device)  # each group's share
        grad_weights = torch.empty(shares, *weight.shape[:2], device=u.device)  # each program's share
        grad_biases = torch.empty(shares, *bias.shape, device=u.device)
        strides = *u.stride(), *z.stride(), *grad.stride()
        programs.backward_filters[grid](u, z, weight, grad, grad_zs, grad_weights, grad_biases, *strides, *sizes)
        programs.backward_u[grid](z, weight, bias, grad, grad_u, *grad_u.stride(), *z.stride(), *grad.stride(), *sizes)
        grad_z = grad_zs.sum(1).to(z.dtype)
        return grad_u, grad_z, grad_weights.sum(0).view_as(weight), grad_biases.sum(0), None


def _grid(u: Tensor, weight: Tensor, kernel: int) -> tuple[int, int]:
    n, _, h, w = u.shape
    return triton.cdiv(h * w, _BLOCK), n * (weight.shape[0] // kernel**2)


def _sizes(u: Tensor, z: Tensor, weight: Tensor, kernel: int) -> tuple[int, ...]:
    """H, W, groups; channels of a group and maps of z, each with the next power of two, which is what Triton's
    arrays have; K and the pixels of a program."""
    groups = weight.shape[0] // kernel**2
    m, r = u.shape[1] // groups, z.shape[1]
    return *u.shape[2:], groups, m, triton.next_power_of_2(m), r, triton.next_power_of_2(r), kernel, _BLOCK
