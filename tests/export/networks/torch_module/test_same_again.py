"""A network that draws numbers is told from one that could and does not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dlgsanet.errors import InputError
from export.networks.torch_module.same_again import require_same_again
from tests.export.networks.torch_module.by_function import By, Run


def noise(x: torch.Tensor) -> torch.Tensor:
    return x + 0.01 * torch.randn_like(x)


def drawn_in_place(x: torch.Tensor) -> torch.Tensor:
    return x * torch.empty_like(x).bernoulli_(0.5)


def dropout_left_on(x: torch.Tensor) -> torch.Tensor:
    return nn.functional.dropout(x, 0.5, True)


def dropout_off(x: torch.Tensor) -> torch.Tensor:
    return nn.functional.dropout(x, 0.5, False)


def drawn_and_not_used(x: torch.Tensor) -> torch.Tensor:
    return x + 0 * torch.rand(1)


@pytest.mark.parametrize(
    ("run", "called"),
    [(noise, "randn_like"), (drawn_in_place, r"Tensor\.bernoulli_"), (dropout_left_on, r"nn\.functional\.dropout")],
)
def test_what_draws_is_named_with_its_line(run: Run, called: str) -> None:
    line = run.__code__.co_firstlineno + 1
    with pytest.raises(InputError, match=rf"'it' gives another picture each time \({called} at .*again.py:{line}\)"):
        require_same_again(By(run), torch.rand(1, 3, 8, 8), "it")


def test_what_is_drawn_elsewhere_is_found_without_a_name() -> None:
    values = iter((0.0, 1.0))
    with pytest.raises(InputError, match="each time, and an artifact"):
        require_same_again(By(lambda x: x + next(values)), torch.rand(1, 3, 8, 8), "it")


def nothing(x: torch.Tensor) -> torch.Tensor:
    return x / 0 * 0  # NaN each time


@pytest.mark.parametrize("run", [dropout_off, drawn_and_not_used, nothing])
def test_what_gives_the_same_is_taken(run: Run) -> None:
    require_same_again(By(run), torch.rand(1, 3, 8, 8), "it")


def test_modules_of_torch_obey_eval() -> None:
    module = nn.Sequential(nn.Dropout(0.5), nn.RReLU(), nn.BatchNorm2d(3))
    require_same_again(module.eval(), torch.rand(1, 3, 8, 8), "it")
    with pytest.raises(InputError, match=r"nn\.functional\.dropout at"):
        require_same_again(module.train(), torch.rand(1, 3, 8, 8), "it")


def test_what_fails_is_left_to_others() -> None:
    require_same_again(By(lambda x: x.reshape(1, 2, 3)), torch.rand(1, 3, 8, 8), "it")


def test_what_gives_more_than_a_picture_is_refused() -> None:
    class Several(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x, x

    with pytest.raises(InputError, match="expected 'it' to give one picture, a tensor, found tuple"):
        require_same_again(Several(), torch.rand(1, 3, 8, 8), "it")
