"""The whole network in the C form against the plain one: the same output and the same gradient of every parameter."""

from __future__ import annotations

import copy
from statistics import mean

import pytest
import torch
from torch import Tensor

from dlgsanet.kernels.choice import operators_of
from dlgsanet.kernels.twins import FusedGroup, fuse
from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet


def outcomes(model: DLGSANet, lr: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
    """The output and the gradients of its weighted sum, by name, in float64."""
    torch.manual_seed(1)
    with torch.autocast("cpu", dtype, enabled=dtype == torch.bfloat16):
        out = model(lr)
    out.backward(torch.randn(out.shape, dtype=torch.float64).to(out.dtype))
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    return {name: t.double() for name, t in {"output": out.detach(), **gradients}.items() if t is not None}


def distances(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> list[float]:
    """Relative distance of each tensor, in the norm that sums squares."""
    assert found.keys() == wanted.keys()
    return [float((found[name] - t).norm() / t.norm()) for name, t in wanted.items()]


def model_and_input(dynamic: bool) -> tuple[DLGSANet, Tensor]:
    torch.manual_seed(0)
    model = DLGSANet(ModelConfig(scale=2, channels=24, groups=2, blocks=2, dynamic=dynamic)).train()
    return model.to(memory_format=torch.channels_last), torch.rand(3, 3, 12, 10)  # type: ignore[call-overload]


@pytest.mark.parametrize("dynamic", [True, False])
def test_fp32(dynamic: bool) -> None:
    model, lr = model_and_input(dynamic)
    exact = outcomes(copy.deepcopy(model).double(), lr.double(), torch.float64)
    plain = max(distances(outcomes(copy.deepcopy(model), lr, torch.float32), exact))
    fused = copy.deepcopy(model)
    assert fuse(fused, operators_of("c")) == 2 + 4 * 2 + 4 + (4 if dynamic else 0) + 4  # groups, GDFN, GSA, MHDLSA, 7x7
    assert max(distances(outcomes(fused, lr, torch.float32), exact)) < max(1e-5, 2 * plain)


def test_bf16_is_as_near_as_the_plain_form() -> None:
    model, lr = model_and_input(dynamic=True)
    exact = outcomes(copy.deepcopy(model).double(), lr.double(), torch.float64)
    plain = mean(distances(outcomes(copy.deepcopy(model), lr, torch.bfloat16), exact))
    fused = copy.deepcopy(model)
    fuse(fused, operators_of("c"))
    assert mean(distances(outcomes(fused, lr, torch.bfloat16), exact)) < 1.1 * plain


def test_the_norms_twin_adds_in_the_plain_order() -> None:
    """In fp32 without other operators nothing but the norms' last bits may differ."""
    model, lr = model_and_input(dynamic=True)
    fused = copy.deepcopy(model)
    for index in range(2):
        norms = operators_of("c").norms
        assert norms is not None
        fused.deep_feature_extraction[index] = FusedGroup(fused.deep_feature_extraction[index], norms)
    assert max(distances(outcomes(fused, lr, torch.float32), outcomes(model, lr, torch.float32))) < 1e-5
