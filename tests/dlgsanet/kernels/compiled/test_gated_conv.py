"""The gate in C against the plain one in float64, in fp32 and bf16, any format, any number of threads."""

from __future__ import annotations

import pytest
import torch

from dlgsanet.kernels.compiled.gated_conv import gated_conv_c
from tests.dlgsanet.kernels.agreement import BF16, FP32, outcomes, plain_gate, worst_error


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


def test_other_arithmetic_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected fp32 or bf16 on a CPU, found torch\.float64"):
        gated_conv_c(torch.zeros(1, 4, 3, 3, dtype=torch.float64), torch.zeros(4, 1, 3, 3))


def test_no_second_derivative() -> None:
    x = torch.randn(1, 4, 3, 3, requires_grad=True)
    (first,) = torch.autograd.grad(gated_conv_c(x, torch.ones(4, 1, 3, 3)).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()
