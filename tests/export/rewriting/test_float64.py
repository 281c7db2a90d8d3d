from __future__ import annotations

import pytest
import torch
from torch import nn

from export.rewriting.float64 import Pointwise, TapByTap, in_float64


@pytest.mark.parametrize(("kernel", "bias", "size"), [(3, True, (5, 4)), (7, False, (9, 3)), (7, True, (200, 180))])
def test_tap_by_tap_is_the_convolution(kernel: int, bias: bool, size: tuple[int, int]) -> None:
    conv = nn.Conv2d(6, 6, kernel, padding=kernel // 2, groups=6, bias=bias, dtype=torch.float64)
    x = torch.randn(2, 6, *size, dtype=torch.float64)
    assert torch.allclose(TapByTap(conv)(x), conv(x), rtol=0, atol=1e-13)


def test_the_padding_of_the_source_is_kept_even_where_it_is_wrong() -> None:
    conv = nn.Conv2d(2, 2, 3, padding=0, groups=2, dtype=torch.float64)
    x = torch.randn(1, 2, 5, 5, dtype=torch.float64)
    assert TapByTap(conv)(x).shape == conv(x).shape == (1, 2, 3, 3)


@pytest.mark.parametrize("bias", [True, False])
def test_pointwise_is_the_convolution(bias: bool) -> None:
    conv = nn.Conv2d(5, 7, 1, bias=bias, dtype=torch.float64)
    x = torch.randn(2, 5, 6, 4, dtype=torch.float64)
    assert torch.allclose(Pointwise(conv)(x), conv(x), rtol=0, atol=1e-13)


def test_only_known_convolutions_are_replaced_and_the_original_stays() -> None:
    depthwise = nn.Conv2d(4, 4, 3, padding=1, groups=4)
    model = nn.Sequential(
        depthwise, nn.Conv2d(4, 4, 1), nn.Conv2d(4, 8, 3, padding=1, groups=4), nn.Conv2d(8, 8, 1, padding=1)
    )
    made = in_float64(model)
    assert [type(child) for child in made] == [TapByTap, Pointwise, nn.Conv2d, nn.Conv2d]
    assert model[0] is depthwise and depthwise.weight.dtype is torch.float32
    assert next(made.parameters()).dtype is torch.float64
