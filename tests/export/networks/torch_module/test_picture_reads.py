"""A network that decides by the picture is told from one that decides by anything else."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dlgsanet.errors import InputError
from export.networks.torch_module.picture_reads import require_one_graph
from tests.export.networks.torch_module.by_function import By, Run

STRENGTH = torch.tensor([0.5, 2.0])


def by_brightness(x: torch.Tensor) -> torch.Tensor:
    return x * 2 if x.mean() > 0.5 else x


def by_expert(x: torch.Tensor) -> torch.Tensor:
    _, best = torch.topk(x.mean((2, 3)), 1)
    return x * [1.0, 2.0, 3.0][best[0, 0]]


def normalized(x: torch.Tensor) -> torch.Tensor:
    return x / x.max().item()


def what_is_bright(x: torch.Tensor) -> torch.Tensor:
    return x + x[x > 0.5].mean()


def by_places(x: torch.Tensor) -> torch.Tensor:
    return x + len(torch.where(x > 0.5)[0])


def kept_in_between(x: torch.Tensor) -> torch.Tensor:
    kept = torch.zeros(4)
    kept[1] = x.mean()
    return x * (2 if bool(kept[1] > 0) else 1)


def written_through_a_view(x: torch.Tensor) -> torch.Tensor:
    kept = torch.zeros(2, 2)
    kept.view(4)[0:2].add_(x.mean())
    return x * float(kept.sum())


def in_a_list(x: torch.Tensor) -> torch.Tensor:
    return x * torch.stack([x.mean(), x.std()]).tolist()[0]


def by_sums(x: torch.Tensor) -> torch.Tensor:
    return x * 2 if torch.equal(x, x.flip(3)) else x


@pytest.mark.parametrize(
    "run",
    [by_brightness, by_expert, normalized, what_is_bright, by_places, kept_in_between, written_through_a_view,
     in_a_list, by_sums],
)  # fmt: skip
@pytest.mark.parametrize("picture", [torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)], ids=["black", "white"])
def test_what_decides_by_the_picture_is_refused_on_any_picture(run: Run, picture: torch.Tensor) -> None:
    with pytest.raises(
        InputError, match=r"^'theirs' decides by the picture \(.* at test_picture_reads\.py:\d+\), and "
    ):
        require_one_graph(By(run), picture.clone(), "theirs")


def by_size(x: torch.Tensor) -> torch.Tensor:
    return nn.functional.pad(x, (0, x.shape[3] % 4)) if x.shape[2] > 4 else x


def by_weights(x: torch.Tensor) -> torch.Tensor:
    return x * float(STRENGTH[0]) if STRENGTH.max() > 1 else x


def attended(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x > 0.5, x, 2 * x) * x.mean((2, 3), keepdim=True).softmax(1)


def gathered(x: torch.Tensor) -> torch.Tensor:
    rows = x[0, 0]
    return rows[rows.argmax(0)].expand_as(x)


def masked_by_places(x: torch.Tensor) -> torch.Tensor:
    mask = torch.arange(x.shape[3]) % 2 == 0
    return x[..., mask]


@pytest.mark.parametrize("run", [by_size, by_weights, attended, gathered, masked_by_places])
def test_what_decides_by_anything_else_is_not(run: Run) -> None:
    require_one_graph(By(run), torch.rand(1, 3, 8, 8), "theirs")


def test_what_fails_is_said_by_others() -> None:
    def broken(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("sizes")

    require_one_graph(By(broken), torch.rand(1, 3, 8, 8), "theirs")
