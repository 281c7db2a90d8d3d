"""LayerNorm in C, alone and of a sum, against the plain one in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dlgsanet.kernels.compiled.layer_norm import added_norm_c, norm_c
from tests.dlgsanet.kernels.agreement import BF16, FP32, outcomes, plain_added_norm, plain_norm, worst_error

SHAPES = [(3, 48, 24, 19), (2, 30, 5, 8), (1, 12, 1, 1), (2, 96, 3, 3)]


def inputs(shape: tuple[int, int, int, int], dtype: torch.dtype, form: torch.memory_format) -> tuple[Tensor, ...]:
    torch.manual_seed(0)
    x, y = (torch.randn(shape).to(dtype).contiguous(memory_format=form) for _ in range(2))
    return x + 2, y, torch.randn(shape[1]), torch.randn(shape[1])


@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES)
def test_of_a_sum(
    shape: tuple[int, int, int, int], dtype: torch.dtype, form: torch.memory_format, threads: int
) -> None:
    given = inputs(shape, dtype, form)
    wanted = outcomes(plain_added_norm, tuple(t.double() for t in given))
    found = outcomes(added_norm_c, given)
    assert found[0].dtype == found[1].dtype == dtype
    assert worst_error(found, wanted) < (FP32 if dtype == torch.float32 else BF16)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES)
def test_alone(shape: tuple[int, int, int, int], dtype: torch.dtype, threads: int) -> None:
    x, _, weight, bias = inputs(shape, dtype, torch.channels_last)
    wanted = outcomes(plain_norm, tuple(t.double() for t in (x, weight, bias)))
    found = outcomes(norm_c, (x, weight, bias))
    assert found[0].dtype == dtype
    assert worst_error(found, wanted) < (FP32 if dtype == torch.float32 else BF16)


@pytest.mark.parametrize("used", [0, 1])
def test_one_result_alone_has_its_gradient(used: int) -> None:
    given = inputs((2, 24, 4, 5), torch.float32, torch.channels_last)
    wanted = outcomes(lambda *t: plain_added_norm(*t)[used], tuple(t.double() for t in given))
    found = outcomes(lambda *t: added_norm_c(*t)[used], given)
    assert worst_error(found, wanted) < FP32


def test_rounds_as_torch_does() -> None:
    """Ties to even, infinities, not a number: the stream in bf16 is that of the plain form, bit by bit."""
    torch.manual_seed(0)
    x, y = (torch.randn(2, 24, 16, 16).bfloat16().to(memory_format=torch.channels_last) for _ in range(2))
    x[0, 0, 0, :3] = torch.tensor([float("inf"), float("-inf"), float("nan")])
    total, normed = added_norm_c(x, y, torch.ones(24), torch.zeros(24))
    assert torch.equal(total.nan_to_num(7.0), (x + y).nan_to_num(7.0))
    assert normed[0, :, 0, :3].isnan().all() and not normed[0, :, 0, 3:].isnan().any()


def test_other_arithmetic_is_refused() -> None:
    x, y, weight, bias = inputs((1, 12, 2, 2), torch.float32, torch.contiguous_format)
    with pytest.raises(ValueError, match=r"expected fp32 or bf16 on a CPU, found torch\.float64"):
        added_norm_c(x.double(), y.double(), weight, bias)
