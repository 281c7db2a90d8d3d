"""The Triton form, by Triton's interpreter where there is no GPU (make test-triton)."""

from __future__ import annotations

import os

import pytest
import torch

os.environ.setdefault("TRITON_INTERPRET", "0" if torch.cuda.is_available() else "1")
pytest.importorskip("triton", reason="Triton is not installed: make test-triton")

from dlgsanet.kernels.dynamic_conv_triton import dynamic_conv_triton
from tests.dlgsanet.kernels.agreement import conv_inputs, outcomes, plain_conv, worst_error

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@pytest.mark.parametrize(("shape", "groups", "maps", "kernel"), [((1, 12, 13, 11), 2, 3, 7), ((2, 6, 3, 5), 1, 5, 3)])
@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
def test_agrees_with_the_plain_form(
    shape: tuple[int, int, int, int], groups: int, maps: int, kernel: int, form: torch.memory_format
) -> None:
    inputs = conv_inputs(shape, groups, maps, kernel)
    wanted = outcomes(plain_conv, tuple(t.double() for t in inputs), kernel)
    placed = tuple(t.to(DEVICE).contiguous(memory_format=form) if t.dim() == 4 else t.to(DEVICE) for t in inputs)
    found = outcomes(dynamic_conv_triton, placed, kernel)
    assert worst_error([t.cpu() for t in found], wanted) < 2e-5


def test_low_precision_sums_in_fp32() -> None:
    inputs = tuple(t.to(DEVICE) for t in conv_inputs((1, 6, 8, 9), 1, 3, 7))
    low = (inputs[0].bfloat16(), inputs[1].bfloat16(), *inputs[2:])
    exact = plain_conv(*(t.double() for t in low), 7)
    found = dynamic_conv_triton(*low, 7)
    assert found.dtype == torch.bfloat16
    # One rounding at the end, not 49. (A GPU rounds to nearest, within 2^-8; the interpreter cuts off.)
    assert ((found.double() - exact).abs() <= exact.abs() * 2**-7 + 1e-3).all()
