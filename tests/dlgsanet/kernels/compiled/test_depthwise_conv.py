"""The depthwise convolution in C against the plain one in float64: fp32 and bf16, any format, size and side."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dlgsanet.kernels.compiled.depthwise_conv import depthwise_conv_c
from tests.dlgsanet.kernels.agreement import BF16, FP32, outcomes, plain_depthwise, worst_error


@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("shape", "side"), [((3, 12, 24, 19), 7), ((2, 40, 5, 8), 3), ((1, 16, 1, 1), 7)])
def test_agrees_with_the_plain_form(
    shape: tuple[int, int, int, int], side: int, dtype: torch.dtype, form: torch.memory_format, threads: int
) -> None:
    torch.manual_seed(0)
    x = torch.randn(shape).to(dtype).contiguous(memory_format=form)
    weight, bias = torch.randn(shape[1], 1, side, side), torch.randn(shape[1])
    wanted = outcomes(plain_depthwise, tuple(t.double() for t in (x, weight, bias)))
    found = outcomes(depthwise_conv_c, (x, weight, bias))
    assert found[0].dtype == dtype
    assert worst_error(found, wanted) < (FP32 if dtype == torch.float32 else BF16)


@settings(max_examples=15, deadline=None)
@given(n=st.integers(1, 3), c=st.integers(1, 40), h=st.integers(1, 12), w=st.integers(1, 20))
def test_any_size_without_a_bias(n: int, c: int, h: int, w: int) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(n, c, h, w), torch.randn(c, 1, 7, 7)
    wanted = outcomes(plain_depthwise, (x.double(), weight.double()))
    found = outcomes(lambda x, weight: depthwise_conv_c(x, weight, None), (x, weight))
    assert worst_error(found, wanted) < FP32


def test_not_a_number_stays_one() -> None:
    """The guard against broken steps must still see it."""
    x = torch.zeros(1, 4, 3, 3)
    x[0, 1, 1, 1] = float("nan")
    for dtype in (torch.float32, torch.bfloat16):
        assert depthwise_conv_c(x.to(dtype), torch.ones(4, 1, 7, 7), None).isnan().any()


def test_other_arithmetic_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected fp32 or bf16 on a CPU, found torch\.float64"):
        depthwise_conv_c(torch.zeros(1, 4, 3, 3, dtype=torch.float64), torch.zeros(4, 1, 3, 3), None)
