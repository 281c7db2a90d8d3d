"""The C forms against the plain ones in float64, in fp32 and bf16, any format, any number of threads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dlgsanet.kernels.dynamic_conv_c import dynamic_conv_c
from dlgsanet.kernels.gated_conv_c import gated_conv_c
from tests.dlgsanet.kernels.agreement import conv_inputs, outcomes, plain_conv, plain_gate, worst_error

FP32, BF16 = 2e-5, 0.05  # worst error over the root mean square: sums of 49 x 12 terms; one rounding of 2^-8


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


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


@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(3, 192, 24, 19), (2, 360, 5, 8), (1, 8, 1, 1)])
def test_gated_conv(
    shape: tuple[int, int, int, int], dtype: torch.dtype, form: torch.memory_format, threads: int
) -> None:
    torch.manual_seed(0)
    x = (3 * torch.randn(shape)).to(dtype).contiguous(memory_format=form)
    weight = torch.randn(shape[1], 1, 3, 3)
    wanted = outcomes(plain_gate, (x.double(), weight.double()))
    found = outcomes(gated_conv_c, (x, weight))
    assert found[0].dtype == dtype
    assert worst_error(found, wanted) < (FP32 if dtype == torch.float32 else BF16)


def test_gelu_far_out() -> None:
    """Where the exponential underflows and the error function saturates: zero, or the value itself."""
    values = torch.tensor([-1e4, -40.0, -10.0, -5.0, -1e-6, 0.0, 1e-6, 5.0, 40.0, 1e4])
    x = torch.stack([values, torch.ones(10)]).view(1, 2, 1, 10)
    weight = torch.zeros(2, 1, 3, 3)
    weight[:, 0, 1, 1] = 1
    found = gated_conv_c(x, weight).flatten()
    exact = torch.nn.functional.gelu(values.double())
    assert torch.isfinite(found).all()
    assert ((found - exact).abs() <= 3e-7 * values.abs().clamp(1, 6) + 1e-6 * exact.abs()).all()


def test_not_a_number_stays_one() -> None:
    """The guard against broken steps must still see it."""
    x = torch.zeros(1, 4, 3, 3)
    x[0, 1, 1, 1] = float("nan")
    for dtype in (torch.float32, torch.bfloat16):
        assert gated_conv_c(x.to(dtype), torch.ones(4, 1, 3, 3)).isnan().any()
        inputs = conv_inputs((1, 6, 3, 3), 1, 3, 7)
        inputs[0][0, 0, 0, 0] = float("nan")
        assert dynamic_conv_c(inputs[0].to(dtype), inputs[1].to(dtype), *inputs[2:], 7).isnan().any()


def test_other_arithmetic_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected fp32 or bf16 on a CPU, found torch\.float64"):
        gated_conv_c(torch.zeros(1, 4, 3, 3, dtype=torch.float64), torch.zeros(4, 1, 3, 3))
    u, z, weight, bias = conv_inputs((1, 6, 3, 3), 1, 3, 7)
    with pytest.raises(ValueError, match=r"found torch\.float16"):
        dynamic_conv_c(u.half(), z.half(), weight, bias, 7)


def test_no_second_derivative() -> None:
    x = torch.randn(1, 4, 3, 3, requires_grad=True)
    (first,) = torch.autograd.grad(gated_conv_c(x, torch.ones(4, 1, 3, 3)).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()
