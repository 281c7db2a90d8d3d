"""Channel attention without layout copies against the plain one in float64, values and all gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dlgsanet.kernels.channel_attention import channel_attention
from dlgsanet.kernels.twins import FusedSparseGSA
from dlgsanet.network.attention import SparseGSA
from tests.dlgsanet.kernels.agreement import FP32, outcomes, plain_attention, worst_error

SHAPES = [(3, 144, 24, 19), (2, 72, 5, 8), (1, 36, 1, 1), (4, 36, 40, 3)]


def inputs(shape: tuple[int, int, int, int], dtype: torch.dtype, form: torch.memory_format) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    qkv = torch.randn(shape, dtype=torch.float64).to(dtype).contiguous(memory_format=form)
    return qkv, 1 + torch.rand(6, 1, 1, dtype=torch.float64).to(torch.promote_types(dtype, torch.float32))


@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES)
def test_agrees_with_the_plain_form(
    shape: tuple[int, int, int, int], dtype: torch.dtype, form: torch.memory_format
) -> None:
    given = inputs(shape, dtype, form)
    wanted = outcomes(plain_attention, tuple(t.double() for t in given))
    found = outcomes(channel_attention, given)
    assert found[0].dtype == dtype and found[0].is_contiguous(memory_format=torch.channels_last)
    limit = 1e-12 if dtype == torch.float64 else FP32
    if dtype == torch.bfloat16:  # products and maps are rounded on the way, in either form
        limit = 1.5 * worst_error(outcomes(plain_attention, given), wanted)
    assert worst_error(found, wanted) < limit


@pytest.mark.parametrize("heads", [1, 2, 3])
def test_any_number_of_heads(heads: int) -> None:
    """Head by head it is the attention of one head over those channels."""
    qkv, temperature = inputs((2, 36, 5, 4), torch.float64, torch.channels_last)
    found = channel_attention(qkv, temperature[:heads])
    split = qkv.view(2, 3, heads, 12 // heads, 5, 4)
    alone = [channel_attention(split[:, :, h].reshape(2, -1, 5, 4), temperature[h : h + 1]) for h in range(heads)]
    assert torch.allclose(found, torch.cat(alone, 1), rtol=1e-12, atol=1e-14)


def test_a_picture_without_length_has_no_infinite_gradient() -> None:
    qkv = torch.zeros(1, 36, 3, 3, requires_grad=True)
    channel_attention(qkv, torch.ones(6, 1, 1)).sum().backward()
    assert qkv.grad is not None and qkv.grad.isfinite().all()


@pytest.mark.parametrize("size", [(20, 33), (16, 16), (7, 40)])
def test_the_twin_in_windows(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    plain = SparseGSA(24, 16, "relu").double().eval()
    twin = FusedSparseGSA(plain, channel_attention).eval()
    x = torch.randn(2, 24, *size, dtype=torch.float64)
    assert torch.allclose(twin(x), plain(x), rtol=0, atol=1e-12)
