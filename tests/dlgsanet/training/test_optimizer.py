"""Muon: its steps are orthogonal and those of torch's own, it takes the matrices, and Adam takes the rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dlgsanet.errors import InputError
from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet
from dlgsanet.training.configuration.sections import OptimizerSection, ScheduleSection
from dlgsanet.training.data.batches import Batch
from dlgsanet.training.loop import Progress, Recipe, fit
from dlgsanet.training.optimizer import Muon, base_rate, is_matrix, new_optimizers, orthogonal

MUON = OptimizerSection(kind="muon", learning_rate=2e-3, matrix_rate=5e-3)


def moved(optimizer: torch.optim.Optimizer, weight: nn.Parameter, gradients: list[Tensor]) -> Tensor:
    """The weight after a step with each of the gradients."""
    for gradient in gradients:
        weight.grad = gradient.clone().view_as(weight)
        optimizer.step()
    return weight.detach()


@pytest.mark.parametrize(("rows", "columns"), [(48, 192), (192, 48), (7, 7), (1, 5)])
def test_every_direction_gets_the_same_length(rows: int, columns: int) -> None:
    torch.manual_seed(0)
    found = orthogonal(torch.randn(3, rows, columns) * torch.tensor([1e-4, 1.0, 1e4]).view(3, 1, 1))
    values = torch.linalg.svdvals(found)
    assert found.shape == (3, rows, columns)
    assert values.min() > 0.6 and values.max() < 1.3


def test_singular_vectors_stay() -> None:
    torch.manual_seed(1)
    matrix = torch.randn(1, 6, 9)
    u, _, v = torch.linalg.svd(matrix[0], full_matrices=False)
    turned = u.T @ orthogonal(matrix)[0] @ v.T
    assert (turned - torch.diag(turned.diagonal())).abs().max() < 1e-4


def test_no_gradient_is_no_step() -> None:
    weight = nn.Parameter(torch.ones(4, 3, 1, 1))
    still = moved(Muon([weight], lr=0.1), weight, [torch.zeros(4, 3)])
    assert torch.equal(still, torch.ones(4, 3, 1, 1))


def test_steps_are_those_of_torch_on_matrices() -> None:
    """torch's own rounds to bf16 on the way, ours does not: near, not equal."""
    theirs = getattr(torch.optim, "Muon", None)
    if theirs is None:
        pytest.skip("torch.optim.Muon is in torch 2.9 and later")
    torch.manual_seed(2)
    start, gradients = torch.randn(24, 16), [torch.randn(24, 16) for _ in range(4)]
    flat, four = nn.Parameter(start.clone()), nn.Parameter(start.clone().view(24, 16, 1, 1))
    options = {"lr": 0.02, "momentum": 0.95, "weight_decay": 0.1}
    wanted = moved(theirs([flat], nesterov=True, adjust_lr_fn="match_rms_adamw", **options), flat, gradients)
    found = moved(Muon([four], **options), four, gradients)
    assert (wanted - start).norm() > 0.1
    assert (found.view(24, 16) - wanted).norm() < 0.02 * (wanted - start).norm()


@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
def test_the_memory_format_changes_nothing(form: torch.memory_format) -> None:
    torch.manual_seed(3)
    start, gradients = torch.randn(8, 4, 3, 3), [torch.randn(8, 4, 3, 3) for _ in range(3)]
    plain = nn.Parameter(start.clone())
    other = nn.Parameter(start.clone().contiguous(memory_format=form))
    found = moved(Muon([other], lr=0.01), other, [g.contiguous(memory_format=form) for g in gradients])
    assert torch.allclose(found, moved(Muon([plain], lr=0.01), plain, gradients), atol=1e-6)


def test_weight_decay_shrinks_without_a_gradient() -> None:
    weight = nn.Parameter(torch.ones(2, 2, 1, 1))
    shrunk = moved(Muon([weight], lr=0.1, weight_decay=0.5), weight, [torch.zeros(2, 2)])
    assert torch.allclose(shrunk, torch.full_like(shrunk, 0.95))


def test_matrices_go_to_muon_and_all_else_to_adam() -> None:
    model = DLGSANet(ModelConfig(12, 1, 1, 2))
    muon, adam = new_optimizers(model.parameters(), MUON)
    assert isinstance(muon, Muon) and isinstance(adam, torch.optim.Adam)
    of_muon, of_adam = ({id(p) for group in one.param_groups for p in group["params"]} for one in (muon, adam))
    assert not of_muon & of_adam
    for name, parameter in model.named_parameters():
        dense = name.endswith("weight") and parameter.ndim == 4 and "dwconv" not in name and "conv1.1" not in name
        assert (id(parameter) in of_muon) == dense == is_matrix(parameter), name
        assert (id(parameter) in of_adam) != dense, name
    assert (base_rate(muon, MUON), base_rate(adam, MUON)) == (5e-3, 2e-3)


def test_adam_alone_takes_everything() -> None:
    model = DLGSANet(ModelConfig(12, 1, 1, 2))
    (adam,) = new_optimizers(model.parameters(), OptimizerSection())
    assert sum(len(group["params"]) for group in adam.param_groups) == len(list(model.parameters()))


def test_a_misplaced_weight_decay_and_an_unknown_kind_are_refused() -> None:
    with pytest.raises(InputError, match=r'expected optimizer\.weight_decay with kind = "muon"'):
        OptimizerSection(weight_decay=0.1)
    with pytest.raises(InputError, match="muon"):
        OptimizerSection(kind="moun")


def test_both_rates_follow_the_schedule() -> None:
    """Muon at a rate of nearly zero leaves the matrices alone, and only them."""

    def draw(step: int, rng: np.random.Generator) -> Batch:
        lr = torch.from_numpy(rng.random((2, 3, 8, 8), np.float32))
        return lr, lr.repeat_interleave(2, 2).repeat_interleave(2, 3)

    torch.manual_seed(0)
    model = DLGSANet(ModelConfig(12, 1, 1, 2))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    seen: list[Progress] = []
    recipe = Recipe(ScheduleSection(3, warmup=2, minimum=0.0), replace(MUON, matrix_rate=1e-30))
    fit(model, draw, recipe, after_step=seen.append)
    assert [one.learning_rate for one in seen] == [pytest.approx(rate) for rate in (1e-3, 2e-3, 2e-3)]
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name]) == is_matrix(parameter), name


def test_adam_in_one_operator_is_adam() -> None:
    """Weights of any memory format, with gradients of another: torch's fused form walks through memory."""
    torch.manual_seed(3)
    plain = [nn.Parameter(torch.randn(8, 4, 3, 3)), nn.Parameter(torch.randn(8))]
    forms = [torch.channels_last, torch.contiguous_format]
    fused = [nn.Parameter(p.detach().clone(memory_format=f)) for p, f in zip(plain, forms, strict=True)]
    (adam,) = new_optimizers(fused, OptimizerSection(learning_rate=1e-2))
    assert adam.defaults["fused"]
    reference = torch.optim.Adam(plain, 1e-2, betas=OptimizerSection().betas)
    for _ in range(3):
        for ours, theirs in zip(fused, plain, strict=True):
            (theirs.square().sum() + theirs.pow(3).sum()).backward()
            (ours.square().sum() + ours.pow(3).sum()).backward()
        for optimizer in (adam, reference):
            optimizer.step()
            optimizer.zero_grad()
    for ours, theirs in zip(fused, plain, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-6)
