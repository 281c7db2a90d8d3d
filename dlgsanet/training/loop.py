"""The training loop: fit a module to batches, with a moving average, resumable to the same losses."""

from __future__ import annotations

import copy
import math
import pickle  # noqa: TID251  (only the name of its error)
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dlgsanet.imaging.atomic import new_file
from dlgsanet.imaging.errors import BackendError, InputError
from dlgsanet.training.config import OptimizerSection, ScheduleSection, TrainConfig

Batch = tuple[Tensor, Tensor]
Draw = Callable[[np.random.Generator], Batch]


@dataclass(frozen=True)
class Progress:
    """What the loop reports after each step: mean L1 since the last report, images per second, rate."""

    step: int
    loss: float
    learning_rate: float
    images_per_s: float


@dataclass
class TrainState:
    """Everything that changes during a run; saved whole, so that a resumed run repeats the same losses."""

    model: nn.Module
    average: nn.Module
    optimizer: torch.optim.Adam
    rng: np.random.Generator
    step: int = 0
    best_psnr: float = 0.0
    seconds: float = 0.0


def new_state(model: nn.Module, options: OptimizerSection, seed: int) -> TrainState:
    """State of a run that begins now. The average starts as a copy of the weights."""
    beta1, beta2 = options.betas
    optimizer = torch.optim.Adam(model.parameters(), options.learning_rate, betas=(beta1, beta2))
    average = copy.deepcopy(model).eval().requires_grad_(False)
    return TrainState(model, average, optimizer, np.random.default_rng(seed))


def learning_rate(step: int, base: float, schedule: ScheduleSection) -> float:
    """Rate for step 0..steps-1: linear warm-up, then a cosine to `minimum` or halvings at the milestones."""
    if step < schedule.warmup:
        return base * (step + 1) / schedule.warmup
    share = (step - schedule.warmup) / max(1, schedule.steps - schedule.warmup)
    if schedule.kind == "cosine":
        return schedule.minimum + (base - schedule.minimum) * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
    return base * schedule.factor ** sum(step >= milestone * schedule.steps for milestone in schedule.milestones)


def fit(state: TrainState, config: TrainConfig, draw: Draw, after_step: Callable[[Progress], None]) -> None:
    """Train from `state.step` to the end of the schedule; `after_step` is called after every step.

    Loss: mean absolute error (L1). Raises BackendError when the loss is not finite, before it can spoil the
    weights. What `after_step` raises passes through with the state consistent.
    """
    autocast = config.run.precision == "bf16"
    state.model.train()
    while state.step < config.schedule.steps:
        started = time.perf_counter()  # noqa: TID251  (for the progress line; no benchmark)
        rate = learning_rate(state.step, config.optimizer.learning_rate, config.schedule)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        lr, hr = draw(state.rng)
        with torch.autocast(lr.device.type, torch.bfloat16, enabled=autocast):
            sr = state.model(lr)
        loss = (sr.float() - hr).abs().mean()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise BackendError(f"the loss became {value} at step {state.step}: lower optimizer.learning_rate")
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if config.optimizer.clip_norm > 0:
            nn.utils.clip_grad_norm_(state.model.parameters(), config.optimizer.clip_norm)
        state.optimizer.step()
        _update_average(state, config.optimizer.ema)
        state.step += 1
        seconds = time.perf_counter() - started  # noqa: TID251
        state.seconds += seconds
        after_step(Progress(state.step, value, rate, lr.shape[0] / seconds))


@torch.no_grad()
def _update_average(state: TrainState, decay: float) -> None:
    # A young average would remember the random start: let it forget faster in the first steps.
    weight = 1 - min(decay, (1 + state.step) / (10 + state.step))
    averaged = [p.detach() for p in state.average.parameters()]
    torch._foreach_lerp_(averaged, [p.detach() for p in state.model.parameters()], weight)


def save_state(path: Path, state: TrainState, config: TrainConfig) -> None:
    """Write the whole state, atomically: a full disk leaves the previous checkpoint as it was."""
    content = {
        "config": _plain(asdict(config)),
        "model": state.model.state_dict(),
        "average": state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "rng": state.rng.bit_generator.state,
        "step": state.step,
        "best_psnr": state.best_psnr,
        "seconds": state.seconds,
    }
    with new_file(path) as temporary:
        torch.save(content, temporary)


def load_state(path: Path, state: TrainState, config: TrainConfig) -> None:
    """Continue a saved run. Raises InputError if the file is damaged or is another configuration's run."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise InputError(f"cannot resume from {path}: it is damaged or not a training state; remove it") from error
    if fields := config.differences(content["config"]):
        raise InputError(
            f"cannot resume from {path}: it was another configuration's run, which differs in {', '.join(fields)}; "
            "choose another output folder"
        )
    state.model.load_state_dict(content["model"])
    state.average.load_state_dict(content["average"])
    state.optimizer.load_state_dict(content["optimizer"])
    state.rng.bit_generator.state = content["rng"]
    state.step, state.best_psnr, state.seconds = content["step"], content["best_psnr"], content["seconds"]


def _plain(value: Any) -> Any:
    """Tuples as lists: what `weights_only` reads back."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value
