"""The training loop: any module, any objective, one process or many; resumable to the same losses."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from dlgsanet.errors import BackendError, InputError
from dlgsanet.training.configuration.sections import OptimizerSection, ScheduleSection
from dlgsanet.training.data.batches import Batch, Draw
from dlgsanet.training.objective import Objective
from dlgsanet.training.optimizer import base_rate
from dlgsanet.training.process.workers import Worker, accumulating
from dlgsanet.training.state import TrainState, new_state, update_average

AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}
_SMALLEST_SCALE = 1e-6  # of an fp16 loss; gradients that overflow even so are broken


@dataclass(frozen=True)
class Recipe:
    """How to fit: the schedule, the optimizer, and the arithmetic (`fp32`, or `bf16`/`fp16` for autocast)."""

    schedule: ScheduleSection
    optimizer: OptimizerSection = field(default_factory=OptimizerSection)
    precision: str = "fp32"


@dataclass(frozen=True)
class Progress:
    """What the loop reports after each step: its loss, the rate, the images of all processes, and how long it took."""

    step: int
    loss: float
    learning_rate: float
    images: int
    seconds: float


class NonFiniteStep(BackendError):
    """A step whose loss or gradients are not finite; the weights are those before it."""

    def __init__(self, message: str, step: int, batch: Batch) -> None:
        super().__init__(message)
        self.step = step
        self.batch = batch


def learning_rate(step: int, base: float, schedule: ScheduleSection) -> float:
    """Rate for step 0..steps-1: linear warm-up, then a cosine to `minimum` or halvings at the milestones."""
    if step < schedule.warmup:
        return base * (step + 1) / schedule.warmup
    share = (step - schedule.warmup) / max(1, schedule.steps - schedule.warmup)
    if schedule.kind == "cosine":
        return schedule.minimum + (base - schedule.minimum) * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
    return base * schedule.factor ** sum(step >= milestone * schedule.steps for milestone in schedule.milestones)


def fit(
    module: nn.Module,
    draw: Draw,
    recipe: Recipe,
    *,
    objective: Objective | None = None,
    seed: int = 0,
    after_step: Callable[[Progress], None] = lambda _: None,
) -> nn.Module:
    """Train any module (N, 3, H, W) -> (N, 3, sH, sW) where it lies; returns the moving average, in eval mode.

    For rooms that fine-tune a network they changed. `draw(step, rng)` gives LR and HR in [0, 1]; `objective`
    (default: L1 against HR) must hold `module` as its student. The module itself is trained in place. Raises
    NonFiniteStep, and InputError for a module whose parameters are all frozen.
    """
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise InputError("expected a module with trainable parameters, found none: call module.requires_grad_() first")
    state = new_state(objective or Objective(module), recipe.optimizer, seed, recipe.precision)
    if state.model is not module:
        raise ValueError("expected an objective whose student is the module")
    advance(state, recipe, draw, Worker(state.device), after_step)
    return state.average


def advance(
    state: TrainState, recipe: Recipe, draw: Draw, worker: Worker, after_step: Callable[[Progress], None]
) -> None:
    """Train from `state.step` to the end of the schedule; `after_step` is called after every step.

    Raises NonFiniteStep, before the weights are spoilt, in all processes at once. What `after_step` raises
    passes through with the state consistent.
    """
    state.objective.train()
    module = worker.wrap(state.objective)
    while state.step < recipe.schedule.steps:
        started = time.perf_counter()  # noqa: TID251  (for the progress line; no benchmark)
        rate = _set_rates(state, recipe)
        lr, hr = draw(state.step, state.rng)
        batch = lr.to(state.device, non_blocking=True), hr.to(state.device, non_blocking=True)
        loss = worker.mean(_gradients(state, module, recipe, batch))
        _optimize(state, recipe.optimizer, loss, batch)
        update_average(state, recipe.optimizer.ema)
        state.step += 1
        seconds = time.perf_counter() - started  # noqa: TID251
        state.seconds += seconds
        after_step(Progress(state.step, loss, rate, worker.count * lr.shape[0], seconds))


def _set_rates(state: TrainState, recipe: Recipe) -> float:
    """Give every optimizer the schedule's rate for this step; returns Adam's."""
    rate = 0.0
    for optimizer in state.optimizers:
        rate = learning_rate(state.step, base_rate(optimizer, recipe.optimizer), recipe.schedule)
        for group in optimizer.param_groups:
            group["lr"] = rate
    return rate


def _gradients(state: TrainState, module: nn.Module, recipe: Recipe, batch: Batch) -> float:
    """Leave the gradients of the batch's mean loss in the parameters, part by part; returns that loss."""
    dtype = AUTOCAST.get(recipe.precision)
    parts = recipe.optimizer.accumulate
    if batch[0].shape[0] % parts:
        raise InputError(
            f"expected the {batch[0].shape[0]} patches of a process to be a multiple of optimizer.accumulate, "
            f"found {parts}: change one of them"
        )
    for optimizer in state.optimizers:
        optimizer.zero_grad(set_to_none=True)
    total = torch.zeros((), device=state.device)
    for part, (lr, hr) in enumerate(zip(batch[0].chunk(parts), batch[1].chunk(parts), strict=True), 1):
        with accumulating(module, more=part < parts):
            with torch.autocast(state.device.type, dtype, enabled=dtype is not None):
                loss = module(lr, hr) / parts
            state.scaler.scale(loss).backward()
        total += loss.detach()
    return float(total)


def _optimize(state: TrainState, options: OptimizerSection, loss: float, batch: Batch) -> None:
    """One step of every optimizer, unless the loss or the gradients are not finite."""
    if not math.isfinite(loss):
        raise _fault(state, f"the loss became {loss}", batch)
    for optimizer in state.optimizers:
        state.scaler.unscale_(optimizer)
    limit = options.clip_norm or math.inf  # infinite: only the norm is wanted
    norm = float(nn.utils.clip_grad_norm_(state.parameters, limit))
    scaled = state.scaler.is_enabled()  # fp16 gradients may overflow: the step is left out, the scale lowered
    if not math.isfinite(norm) and not (scaled and state.scaler.get_scale() > _SMALLEST_SCALE):
        raise _fault(state, f"the gradients' norm became {norm}", batch)
    if math.isfinite(norm):  # else every optimizer waits, not only the one whose gradients overflowed
        for optimizer in state.optimizers:
            state.scaler.step(optimizer)
    state.scaler.update()


def _fault(state: TrainState, what: str, batch: Batch) -> NonFiniteStep:
    message = f"{what} at step {state.step}: lower optimizer.learning_rate or set optimizer.clip_norm"
    return NonFiniteStep(message, state.step, batch)
