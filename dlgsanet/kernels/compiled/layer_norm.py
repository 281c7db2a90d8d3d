"""The residual sum and the LayerNorm after it in one operator, in C: for training on a CPU."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from dlgsanet.kernels.compiled.batch import Part, added, element_of, in_threads, parts, pointer, require_supported
from dlgsanet.kernels.compiled.library import load_library
from dlgsanet.network.autograd import Context
from dlgsanet.network.layers import LAYER_NORM_EPS

_SOURCE = "layer_norm.c"


class _Extent(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_int64) for name in ("first", "last"))


def added_norm_c(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """x + y, and its LayerNorm over the channels: two (N, C, H, W) -> two of the same, channels-last.

    x, y: fp32 or bf16 on a CPU; another type of y is brought to that of x, which the results have. weight, bias: (C),
    used in fp32, as is everything between the sum, rounded to the type it is kept in, and the last rounding.
    Differentiable once in all four. Uses as many threads as torch. Raises UnavailableError without a C compiler.
    """
    require_supported(x)
    placed = (t.to(x.dtype).contiguous(memory_format=torch.channels_last) for t in (x, y))
    total, normed = _AddedNorm.apply(*placed, weight.float(), bias.float())  # type: ignore[no-untyped-call]
    return total, normed


def norm_c(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """LayerNorm over the channels of x: what `added_norm_c` gives where there is nothing to add."""
    require_supported(x)
    x = x.contiguous(memory_format=torch.channels_last)
    normed: Tensor = _Norm.apply(x, weight.float(), bias.float())  # type: ignore[no-untyped-call]
    return normed


class _AddedNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Context, x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        total, normed = torch.empty_like(x), torch.empty_like(x)
        _forward(x, y, weight, bias, total, normed)
        ctx.save_for_backward(total, weight)
        ctx.set_materialize_grads(False)
        return total, normed

    @staticmethod
    @once_differentiable
    def backward(ctx: Context, of_total: Tensor | None, of_normed: Tensor | None) -> tuple[Tensor | None, ...]:
        if of_normed is None:
            return of_total, of_total, None, None
        total, weight = ctx.saved_tensors
        grad, grad_weight, grad_bias = _backward(total, weight, of_total, of_normed)
        return grad, grad, grad_weight, grad_bias


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Context, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        normed = torch.empty_like(x)
        _forward(x, None, weight, bias, None, normed)
        ctx.save_for_backward(x, weight)
        return normed

    @staticmethod
    @once_differentiable
    def backward(ctx: Context, of_normed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        return _backward(x, weight, None, of_normed)


def _forward(x: Tensor, y: Tensor | None, weight: Tensor, bias: Tensor, total: Tensor | None, normed: Tensor) -> None:
    weight, bias = weight.contiguous(), bias.contiguous()
    run = _library(x).layer_norm_forward
    given = [None if t is None else pointer(t) for t in (x, y, weight, bias, total, normed)]

    def work(_: int, part: Part) -> int:
        run(*given, _extent(x, part))
        return 0

    in_threads(work, parts(x.shape[0]))


def _backward(
    total: Tensor, weight: Tensor, of_total: Tensor | None, of_normed: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    weight, grad, shared = weight.contiguous(), torch.empty_like(total), parts(total.shape[0])
    sums = torch.empty(2, len(shared), len(weight))
    beside, normed = (None if t is None else _like(t, total) for t in (of_total, of_normed))
    run = _library(total).layer_norm_backward
    given = [None if t is None else pointer(t) for t in (total, weight, beside, normed, grad)]

    def work(number: int, part: Part) -> int:
        run(*given, pointer(sums[0, number]), pointer(sums[1, number]), _extent(total, part))
        return 0

    in_threads(work, shared)
    return grad, added(sums[0]), added(sums[1])


def _like(t: Tensor, other: Tensor) -> Tensor:
    return t.to(other.dtype).contiguous(memory_format=torch.channels_last)


def _library(x: Tensor) -> ctypes.CDLL:
    return load_library(_SOURCE, element_of(x), ("C", x.shape[1]), ("EPS_INVERSE", round(1 / LAYER_NORM_EPS)))


def _extent(x: Tensor, part: Part) -> object:
    """The pixels of some images."""
    pixels = x.shape[2] * x.shape[3]
    return ctypes.byref(_Extent(part[0] * pixels, part[1] * pixels))
