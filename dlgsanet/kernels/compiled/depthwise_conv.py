"""A depthwise convolution in C: for training on a CPU."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from dlgsanet.kernels.compiled.batch import Part, added, element_of, in_threads, parts, pointer, require_supported
from dlgsanet.kernels.compiled.library import load_library
from dlgsanet.network.autograd import BiasContext

_SOURCE = "depthwise_conv.c"


class _Extent(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_int64) for name in ("channels", "height", "width", "first", "last"))


def depthwise_conv_c(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """conv2d(x, weight, bias, padding=K // 2, groups=C): (N, C, H, W) -> the same, channels-last.

    x: fp32 or bf16 on a CPU; weight: (C, 1, K, K) with K odd, and bias: (C), used in fp32, as are all sums. The result
    has the dtype of x. Differentiable once in all. Uses as many threads as torch. Raises UnavailableError without a C
    compiler.
    """
    require_supported(x)
    x = x.contiguous(memory_format=torch.channels_last)
    widened = None if bias is None else bias.float()
    result: Tensor = _DepthwiseConv.apply(x, weight.float(), widened)  # type: ignore[no-untyped-call]
    return result


class _DepthwiseConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: BiasContext, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        weight = weight.contiguous()
        ctx.save_for_backward(x, weight)
        ctx.with_bias = bias is not None
        out = torch.empty_like(x)
        run = _library(x, weight).depthwise_conv_forward
        given = pointer(x), pointer(weight), None if bias is None else pointer(bias.contiguous()), pointer(out)
        in_threads(lambda _, part: int(run(*given, _extent(x, part))), parts(x.shape[0]))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: BiasContext, grad: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        x, weight = ctx.saved_tensors
        grad = grad.to(x.dtype).contiguous(memory_format=torch.channels_last)
        grad_x, shared = torch.empty_like(x), parts(x.shape[0])
        grad_weight, grad_bias = torch.empty(len(shared), *weight.shape), torch.empty(len(shared), len(weight))
        run = _library(x, weight).depthwise_conv_backward
        given = [pointer(t) for t in (x, weight, grad, grad_x)]

        def work(number: int, part: Part) -> int:
            return int(run(*given, pointer(grad_weight[number]), pointer(grad_bias[number]), _extent(x, part)))

        in_threads(work, shared)
        return grad_x, added(grad_weight), added(grad_bias) if ctx.with_bias else None


def _library(x: Tensor, weight: Tensor) -> ctypes.CDLL:
    return load_library(_SOURCE, element_of(x), ("K", weight.shape[-1]))


def _extent(x: Tensor, part: Part) -> object:
    return ctypes.byref(_Extent(*x.shape[1:], *part))
