"""The loop: accumulation, clipping, averages, low precision, faults, and any module through `fit`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from dlgsanet.errors import BackendError, InputError
from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet
from dlgsanet.training.configuration.sections import OptimizerSection, ScheduleSection
from dlgsanet.training.data.batches import Batch
from dlgsanet.training.loop import NonFiniteStep, Progress, Recipe, fit, learning_rate
from dlgsanet.training.objective import Objective

RECIPE = Recipe(ScheduleSection(4, kind="step"), OptimizerSection(learning_rate=1e-3))


def draw(step: int, rng: np.random.Generator) -> Batch:
    lr = torch.from_numpy(rng.random((4, 3, 8, 8), np.float32))
    return lr, lr.repeat_interleave(2, 2).repeat_interleave(2, 3)


def small(seed: int = 0) -> DLGSANet:
    torch.manual_seed(seed)
    return DLGSANet(ModelConfig(12, 1, 1, 2))


def losses(recipe: Recipe, model: nn.Module | None = None, objective: Objective | None = None) -> list[float]:
    seen: list[Progress] = []
    fit(model or small(), draw, recipe, objective=objective, after_step=seen.append)
    assert [progress.images for progress in seen] == [4] * recipe.schedule.steps
    return [progress.loss for progress in seen]


def test_accumulation_gives_the_same_curve() -> None:
    parts = replace(RECIPE, optimizer=replace(RECIPE.optimizer, accumulate=2))
    assert losses(parts) == pytest.approx(losses(RECIPE), rel=1e-5)
    odd = replace(RECIPE, optimizer=replace(RECIPE.optimizer, accumulate=3))
    with pytest.raises(InputError, match="multiple of optimizer"):
        losses(odd)


def test_clipping_limits_the_gradient() -> None:
    norms = []

    class Watching(Objective):
        pass

    def watch(limit: float) -> float:
        model = small()
        recipe = Recipe(ScheduleSection(1), OptimizerSection(clip_norm=limit))
        fit(model, draw, recipe)
        return float(torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None]).norm())

    norms = [watch(limit) for limit in (0.0, 1e-3)]
    assert norms[0] > 0.01 and norms[1] == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize(("precision", "bound"), [("bf16", 0.02), ("fp16", 0.005)])
def test_low_precision_stays_near(precision: str, bound: float) -> None:
    assert losses(replace(RECIPE, precision=precision)) == pytest.approx(losses(RECIPE), rel=bound)


def test_any_module_and_its_buffers() -> None:
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2))
    average = fit(model, draw, RECIPE)
    assert not average.training and model.training
    assert torch.equal(average[0].running_mean, model[0].running_mean)  # type: ignore[index]
    assert not torch.equal(average[1].weight, model[1].weight)  # type: ignore[index]
    with pytest.raises(ValueError, match="student is the module"):
        fit(model, draw, RECIPE, objective=Objective(small()))


@pytest.mark.parametrize(
    ("where", "words"), [("input", "loss became nan at step 2"), ("gradient", "norm became nan at step 2")]
)
def test_faults_stop_before_they_spoil_the_weights(where: str, words: str) -> None:
    class Broken(Objective):
        """Its gradients are not finite though its loss is."""

        def forward(self, lr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
            loss = super().forward(lr, hr)
            if where == "gradient" and lr.max() > 5:
                loss.register_hook(lambda grad: grad * torch.nan)
            return loss

    def poisoned(step: int, rng: np.random.Generator) -> Batch:
        lr, hr = draw(step, rng)
        return (lr * (torch.nan if where == "input" else 10), hr) if step == 2 else (lr, hr)

    model = small()
    before: list[dict[str, torch.Tensor]] = []

    def keep(_: Progress) -> None:
        before.append({key: value.clone() for key, value in model.state_dict().items()})

    with pytest.raises(NonFiniteStep, match=words) as fault:
        fit(model, poisoned, RECIPE, objective=Broken(model), after_step=keep)
    assert isinstance(fault.value, BackendError) and fault.value.step == 2
    assert fault.value.batch[0].shape == (4, 3, 8, 8)
    assert all(torch.equal(value, before[-1][key]) for key, value in model.state_dict().items())


def test_a_frozen_module_is_refused() -> None:
    """`load_model` gives one: it is meant for inference."""
    with pytest.raises(InputError, match=r"requires_grad_\(\)"):
        fit(small().requires_grad_(False), draw, RECIPE)


def test_schedules() -> None:
    cosine = ScheduleSection(100, warmup=10)
    rates = [learning_rate(step, 1.0, cosine) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == 1.0 and rates[100] == pytest.approx(1e-6)
    step = replace(cosine, kind="step", warmup=0)
    assert [learning_rate(s, 1.0, step) for s in (0, 50, 80, 90, 95)] == [1, 0.5, 0.25, 0.125, 0.0625]


@pytest.mark.slow
def test_a_compiled_module_repeats_the_plain_losses() -> None:
    """The smallest network: its 98 taps of the dynamic convolution alone take minutes to compile on a CPU."""
    model = small()
    names = list(model.state_dict())
    model.compile()
    assert losses(RECIPE, model) == pytest.approx(losses(RECIPE), rel=1e-3)
    assert list(model.state_dict()) == names
