from __future__ import annotations

import pytest
import torch
from torch import nn

from export.rewriting.conv_algebra import compose_1x1, fold_affine_before, slice_outputs, split


def random_conv(inputs: int, outputs: int, kernel: int = 1, groups: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=bias, dtype=torch.float64)


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    return torch.allclose(a, b, rtol=0, atol=1e-13)


@pytest.mark.parametrize("bias", [True, False])
def test_an_affine_map_folds_into_the_following_1x1(bias: bool) -> None:
    conv, x = random_conv(5, 7, bias=bias), torch.randn(2, 5, 3, 4, dtype=torch.float64)
    scale, shift = torch.randn(5, dtype=torch.float64), torch.randn(5, dtype=torch.float64)
    expected = conv(x * scale[:, None, None] + shift[:, None, None])
    assert close(fold_affine_before(conv, scale, shift)(x), expected)


@pytest.mark.parametrize(("inner_bias", "outer_bias"), [(False, False), (True, False), (False, True), (True, True)])
def test_two_1x1_become_one(inner_bias: bool, outer_bias: bool) -> None:
    inner, outer = random_conv(4, 6, bias=inner_bias), random_conv(6, 3, bias=outer_bias)
    x = torch.randn(2, 4, 3, 5, dtype=torch.float64)
    assert close(compose_1x1(outer, inner)(x), outer(inner(x)))


@pytest.mark.parametrize(("kernel", "groups"), [(1, 1), (3, 1), (3, 8)])
def test_some_outputs_of_a_convolution(kernel: int, groups: int) -> None:
    conv = random_conv(8, 8, kernel, groups)
    x = torch.randn(1, 8, 5, 4, dtype=torch.float64)
    part = slice_outputs(conv, 2, 3)
    inputs = x if groups == 1 else x[:, 2:5]
    assert close(part(inputs), conv(x)[:, 2:5])


def test_split_cuts_an_axis_into_stretches() -> None:
    x = torch.arange(10.0).reshape(1, 10)
    assert [part.tolist() for part in split(x, [2, 5, 3], 1)] == [
        [[0, 1]],
        [[2, 3, 4, 5, 6]],
        [[7, 8, 9]],
    ]
    assert split(x, [10], 1)[0] is x
