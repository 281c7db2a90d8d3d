"""The middle of the gated feed-forward network in C: for training on a CPU."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from dlgsanet.kernels.compiled.batch import Part, added, element_of, in_threads, parts, pointer, require_supported
from dlgsanet.kernels.compiled.library import load_library
from dlgsanet.network.autograd import Context

_SOURCE = "gated_conv.c"


class _Extent(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_int64) for name in ("channels", "height", "width", "first", "last"))


def gated_conv_c(x: Tensor, weight: Tensor) -> Tensor:
    """GELU(a) * b, where a and b are the halves of a depthwise 3x3 convolution of x: (N, 2C, H, W) -> (N, C, H, W).

    x: fp32 or bf16 on a CPU; weight: (2C, 1, 3, 3), used in fp32, as are all sums. The result has the dtype of x and is
    channels-last. The GELU is the exact one up to 2e-7. Differentiable once in both; only x is kept for the backward
    pass. Uses as many threads as torch. Raises UnavailableError without a C compiler.
    """
    require_supported(x)
    x = x.contiguous(memory_format=torch.channels_last)
    result: Tensor = _GatedConv.apply(x, weight.float())  # type: ignore[no-untyped-call]
    return result


class _GatedConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Context, x: Tensor, weight: Tensor) -> Tensor:
        weight = weight.contiguous()
        ctx.save_for_backward(x, weight)
        n, c, h, w = x.shape
        out = torch.empty((n, c // 2, h, w), dtype=x.dtype, memory_format=torch.channels_last)
        run = load_library(_SOURCE, element_of(x)).gated_conv_forward
        given = pointer(x), pointer(weight), pointer(out)
        in_threads(lambda _, part: int(run(*given, _extent(x, part))), parts(n))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Context, grad: Tensor) -> tuple[Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        grad = grad.to(x.dtype).contiguous(memory_format=torch.channels_last)
        grad_x = torch.empty(x.shape, dtype=x.dtype, memory_format=torch.channels_last)
        shared = parts(x.shape[0])
        grad_weight = torch.empty(len(shared), *weight.shape)
        run = load_library(_SOURCE, element_of(x)).gated_conv_backward
        given = pointer(x), pointer(weight), pointer(grad), pointer(grad_x)

        def work(number: int, part: Part) -> int:
            return int(run(*given, pointer(grad_weight[number]), _extent(x, part)))

        in_threads(work, shared)
        return grad_x, added(grad_weight)


def _extent(x: Tensor, part: Part) -> object:
    _, c, h, w = x.shape
    return ctypes.byref(_Extent(c // 2, h, w, *part))
