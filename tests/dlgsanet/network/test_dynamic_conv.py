"""The dynamic depthwise convolution against its definition, and its gradient in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dlgsanet.network.dynamic_conv import dynamic_depthwise_conv


def by_definition(u: Tensor, filters: Tensor, kernel: int) -> Tensor:
    """Four loops over the formula of the docstring, with explicit bounds."""
    _, c, h, w = u.shape
    share = c // (filters.shape[1] // kernel**2)
    out = torch.zeros_like(u)
    for channel in range(c):
        for y in range(h):
            for x in range(w):
                for tap in range(kernel**2):
                    i, j = y + tap // kernel - kernel // 2, x + tap % kernel - kernel // 2
                    if 0 <= i < h and 0 <= j < w:
                        weight = filters[:, channel // share * kernel**2 + tap, y, x]
                        out[:, channel, y, x] += weight * u[:, channel, i, j]
    return out


@pytest.mark.parametrize(("h", "w"), [(1, 1), (2, 5), (6, 4)])
def test_matches_the_definition(h: int, w: int) -> None:
    torch.manual_seed(0)
    u, filters = torch.randn(2, 4, h, w, dtype=torch.float64), torch.randn(2, 18, h, w, dtype=torch.float64)
    assert torch.allclose(dynamic_depthwise_conv(u, filters, 3), by_definition(u, filters, 3), atol=1e-12)


def test_gradient() -> None:
    torch.manual_seed(0)
    u = torch.randn(2, 4, 3, 4, dtype=torch.float64, requires_grad=True)
    filters = torch.randn(2, 18, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b: dynamic_depthwise_conv(a, b, 3), (u, filters))


def test_constant_filters_are_an_ordinary_convolution() -> None:
    torch.manual_seed(0)
    u, weight = torch.randn(1, 6, 9, 11), torch.randn(49)
    filters = weight.view(1, 49, 1, 1).expand(1, 49, 9, 11)
    ordinary = F.conv2d(u, weight.view(1, 1, 7, 7).expand(6, 1, 7, 7), padding=3, groups=6)
    assert torch.allclose(dynamic_depthwise_conv(u, filters, 7), ordinary, atol=1e-5)


def test_low_precision_sums_in_fp32() -> None:
    torch.manual_seed(0)
    u, filters = torch.rand(1, 6, 8, 8), torch.rand(1, 49, 8, 8)
    low = dynamic_depthwise_conv(u.bfloat16(), filters.bfloat16(), 7)
    exact = dynamic_depthwise_conv(u.bfloat16().double(), filters.bfloat16().double(), 7)
    assert low.dtype == torch.bfloat16
    assert ((low.double() - exact).abs() / exact).max() < 2**-8  # one rounding at the end, not 49


@pytest.mark.slow
def test_memory_of_a_tiny_frame() -> None:
    """A tiny x4 forward at 320x180 stays below 1.2 GB of resident memory, torch and all."""
    import subprocess
    import sys

    code = """
import torch
from runtimes.machine.memory import peak_rss_mb
from dlgsanet.network.config import named_config
from dlgsanet.network.model import DLGSANet
model = DLGSANet(named_config("tiny", 4)).eval()
with torch.inference_mode():
    model(torch.rand(1, 3, 180, 320))
print(peak_rss_mb())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 100 < float(done.stdout) < 1200
