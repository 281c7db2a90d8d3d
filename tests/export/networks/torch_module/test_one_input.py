"""A network that wants more than a picture is refused by its signature."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dlgsanet.errors import InputError
from export.networks.torch_module.one_input import require_one_input


class OfTwo(nn.Module):
    def forward(self, x: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        return x + noise


class ByName(nn.Module):
    def forward(self, x: torch.Tensor, *, strength: float) -> torch.Tensor:
        return strength * x


class OfNone(nn.Module):
    def forward(self) -> torch.Tensor:
        return torch.zeros(1)


class WithDefault(nn.Module):
    def forward(self, x: torch.Tensor, strength: float = 1.0) -> torch.Tensor:
        return strength * x


class OfAny(nn.Module):
    def forward(self, *pictures: torch.Tensor, **options: float) -> torch.Tensor:
        return pictures[0]


@pytest.mark.parametrize(
    ("module", "inputs"), [(OfTwo(), "x, noise"), (ByName(), "x, strength"), (OfNone(), "nothing")]
)
def test_what_a_picture_is_not_enough_for_is_refused_with_its_inputs(module: nn.Module, inputs: str) -> None:
    with pytest.raises(InputError, match=f"expected 'it' to take one picture, found a module that takes {inputs}:"):
        require_one_input(module, "it")


@pytest.mark.parametrize("module", [WithDefault(), OfAny(), nn.Sequential(nn.Conv2d(3, 3, 1))])
def test_what_runs_on_a_picture_alone_is_taken(module: nn.Module) -> None:
    require_one_input(module, "it")


def test_what_hides_its_signature_is_left_to_be_run() -> None:
    require_one_input(torch.jit.script(nn.Sequential(nn.Conv2d(3, 3, 1))), "it")
