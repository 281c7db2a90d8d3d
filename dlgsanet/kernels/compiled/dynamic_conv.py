"""The dynamic convolution with its filters made on the way, in C: for training on a CPU."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from dlgsanet.kernels.compiled.batch import Part, added, element_of, in_threads, parts, pointer, require_supported
from dlgsanet.kernels.compiled.library import load_library
from dlgsanet.network.autograd import KernelContext

_SOURCE = "dynamic_conv.c"


class _Extent(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_int64) for name in ("groups", "height", "width", "first", "last"))


def dynamic_conv_c(u: Tensor, z: Tensor, weight: Tensor, bias: Tensor, kernel: int) -> Tensor:
    """dynamic_depthwise_conv(u, conv2d(z, weight, bias), kernel), on a CPU, without the filters' tensor.

    u: (N, C, H, W), fp32 or bf16, any memory format; z: (N, R, H, W); weight: (G*K*K, R, 1, 1) and bias: (G*K*K),
    used in fp32, as are the filters and all sums. Returns (N, C, H, W) in the dtype and format of `u`.
    Differentiable once in all four. Uses as many threads as torch. Raises UnavailableError without a C compiler.
    """
    require_supported(u)
    last = {"memory_format": torch.channels_last}
    placed = u.contiguous(**last), z.to(u.dtype).contiguous(**last), weight.float(), bias.float()
    result: Tensor = _DynamicConv.apply(*placed, kernel)  # type: ignore[no-untyped-call]
    return result if u.is_contiguous(**last) else result.contiguous()


class _DynamicConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: KernelContext, u: Tensor, z: Tensor, weight: Tensor, bias: Tensor, kernel: int) -> Tensor:
        weight, bias = weight.contiguous(), bias.contiguous()
        ctx.save_for_backward(u, z, weight, bias)
        ctx.kernel = kernel
        out = torch.empty_like(u)
        run = _library(u, z, weight, kernel).dynamic_conv_forward
        given = [pointer(t) for t in (u, z, weight, bias, out)]
        in_threads(lambda _, part: int(run(*given, _extent(u, weight, kernel, part))), parts(u.shape[0]))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: KernelContext, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
        u, z, weight, bias = ctx.saved_tensors
        grad = grad.to(u.dtype).contiguous(memory_format=torch.channels_last)
        grad_u, grad_z = torch.empty_like(u), torch.empty_like(z)
        shared = parts(u.shape[0])
        grad_weight, grad_bias = weight.new_zeros(len(shared), *weight.shape), bias.new_zeros(len(shared), *bias.shape)
        run = _library(u, z, weight, ctx.kernel).dynamic_conv_backward
        given = [pointer(t) for t in (u, z, weight, bias, grad, grad_u, grad_z)]

        def work(number: int, part: Part) -> int:
            sums = pointer(grad_weight[number]), pointer(grad_bias[number])
            return int(run(*given, *sums, _extent(u, weight, ctx.kernel, part)))

        in_threads(work, shared)
        return grad_u, grad_z, added(grad_weight), added(grad_bias), None


def _library(u: Tensor, z: Tensor, weight: Tensor, kernel: int) -> ctypes.CDLL:
    groups = weight.shape[0] // kernel**2
    return load_library(_SOURCE, element_of(u), ("K", kernel), ("M", u.shape[1] // groups), ("R", z.shape[1]))


def _extent(u: Tensor, weight: Tensor, kernel: int, part: Part) -> object:
    return ctypes.byref(_Extent(weight.shape[0] // kernel**2, u.shape[2], u.shape[3], *part))
