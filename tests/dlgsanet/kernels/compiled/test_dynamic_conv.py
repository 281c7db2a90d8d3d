"""The dynamic convolution in C against the plain one in float64: fp32 and bf16, any format, any number of threads."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dlgsanet.kernels.compiled.dynamic_conv import dynamic_conv_c
from tests.dlgsanet.kernels.agreement import BF16, FP32, conv_inputs, outcomes, plain_conv, worst_error


@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("shape", "groups", "maps"), [((3, 48, 24, 19), 8, 12), ((1, 24, 33, 16), 4, 6)])
def test_dynamic_conv(
    shape: tuple[int, int, int, int],
    groups: int,
    maps: int,
    dtype: torch.dtype,
    form: torch.memory_format,
    threads: int,
) -> None:
    u, z, weight, bias = conv_inputs(shape, groups, maps, 7)
    u, z = (t.to(dtype).contiguous(memory_format=form) for t in (u, z))
    wanted = outcomes(plain_conv, tuple(t.double() for t in (u, z, weight, bias)), 7)
    found = outcomes(dynamic_conv_c, (u, z, weight, bias), 7)
    assert found[0].dtype == dtype and found[0].stride() == u.stride()
    assert worst_error(found, wanted) < (FP32 if dtype == torch.float32 else BF16)


@settings(max_examples=15, deadline=None)
@given(n=st.integers(1, 3), h=st.integers(1, 20), w=st.integers(1, 40))
def test_dynamic_conv_of_any_size(n: int, h: int, w: int) -> None:
    inputs = conv_inputs((n, 12, h, w), 2, 3, 7)
    wanted = outcomes(plain_conv, tuple(t.double() for t in inputs), 7)
    assert worst_error(outcomes(dynamic_conv_c, inputs, 7), wanted) < FP32


def test_not_a_number_stays_one() -> None:
    """The guard against broken steps must still see it."""
    u, z, weight, bias = conv_inputs((1, 6, 3, 3), 1, 3, 7)
    u[0, 0, 0, 0] = float("nan")
    for dtype in (torch.float32, torch.bfloat16):
        assert dynamic_conv_c(u.to(dtype), z.to(dtype), weight, bias, 7).isnan().any()


def test_other_arithmetic_is_refused() -> None:
    u, z, weight, bias = conv_inputs((1, 6, 3, 3), 1, 3, 7)
    with pytest.raises(ValueError, match=r"found torch\.float16"):
        dynamic_conv_c(u.half(), z.half(), weight, bias, 7)
