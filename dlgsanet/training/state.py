"""Everything that changes during a run, saved whole, so that a resumed run repeats the same losses."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dlgsanet.checkpoints.containers import read_torch_file
from dlgsanet.checkpoints.fit import require_plain
from dlgsanet.errors import InputError
from dlgsanet.storage.atomic import new_file
from dlgsanet.training.configuration.read import TrainConfig
from dlgsanet.training.configuration.sections import OptimizerSection
from dlgsanet.training.objective import Objective
from dlgsanet.training.optimizer import new_optimizers

_STUDENT = "student."


@dataclass
class TrainState:
    """The objective with its student, the moving average of the student's weights, and how far the run is."""

    objective: Objective
    average: nn.Module
    optimizers: tuple[torch.optim.Optimizer, ...]
    scaler: torch.amp.GradScaler
    rng: np.random.Generator
    step: int = 0
    best_psnr: float = 0.0
    seconds: float = 0.0

    @property
    def model(self) -> nn.Module:
        """The network that is trained."""
        return self.objective.student

    @cached_property
    def parameters(self) -> list[nn.Parameter]:
        """What is trained. Listed once, as a walk through all modules costs a small network dear: states are loaded
        into these tensors, and twins of modules keep them."""
        return list(self.objective.parameters())

    @cached_property
    def averaged(self) -> tuple[list[Tensor], list[Tensor]]:
        """The average's parameters and the model's, in the same order."""
        own, others = self.average.parameters(), self.model.parameters()
        return [p.detach() for p in own], [p.detach() for p in others]

    @property
    def device(self) -> torch.device:
        """Where it is trained."""
        return self.parameters[0].device


def new_state(objective: Objective, options: OptimizerSection, seed: int, precision: str = "fp32") -> TrainState:
    """State of a run that begins now. The average starts as a copy of the weights."""
    optimizers = new_optimizers(objective.parameters(), options)
    average = copy.deepcopy(objective.student).eval().requires_grad_(False)
    device = next(objective.parameters()).device
    # Small gradients would vanish in fp16: the loss is scaled up and the gradients down again.
    scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")
    return TrainState(objective, average, optimizers, scaler, np.random.default_rng(seed))


@torch.no_grad()
def update_average(state: TrainState, decay: float) -> None:
    """Move the average towards the weights; its buffers are the model's."""
    # A young average would remember the random start: let it forget faster in the first steps.
    weight = 1 - min(decay, (1 + state.step) / (10 + state.step))
    averaged, trained = state.averaged
    torch._foreach_lerp_(averaged, trained, weight)
    for own, other in zip(state.average.buffers(), state.model.buffers(), strict=True):
        own.copy_(other)


def save_state(path: Path, state: TrainState, config: TrainConfig) -> None:
    """Write the whole state, atomically: a full disk leaves the previous checkpoint as it was."""
    content = {
        "config": config.stored(),
        "model": state.model.state_dict(),
        "objective": _beside_student(state.objective),
        "average": state.average.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in state.optimizers],
        "scaler": state.scaler.state_dict(),
        "rng": state.rng.bit_generator.state,
        "torch_rng": _torch_rng(state.device),
        "step": state.step,
        "best_psnr": state.best_psnr,
        "seconds": state.seconds,
    }
    with new_file(path) as temporary:
        torch.save(content, temporary)


def load_state(path: Path, state: TrainState, config: TrainConfig) -> None:
    """Continue a saved run. Raises InputError if the file is damaged or is another configuration's run."""
    wrong = f"cannot resume from {path}: it is damaged or not a whole training state; remove it"
    try:
        content = read_torch_file(path)
        if not isinstance(content, dict):
            raise TypeError("no dictionary")
        fields = config.differences(content["config"])
        if not fields:
            _restore(content, state)
    except InputError as error:
        raise InputError(f"{wrong} ({error})") from error
    # What torch, NumPy and Python raise where a part is missing or is something else.
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError, ArithmeticError) as error:
        raise InputError(wrong) from error
    if fields:
        raise InputError(
            f"cannot resume from {path}: it was another configuration's run, which differs in {', '.join(fields)}; "
            "choose another output folder"
        )
    if not 0 <= state.step <= config.schedule.steps or not math.isfinite(state.best_psnr + state.seconds):
        raise InputError(wrong)


def _restore(content: dict[str, Any], state: TrainState) -> None:
    for part in ("model", "average"):
        require_plain(content[part], f"{part} of the training state")
    state.model.load_state_dict(content["model"])
    beside = content.get("objective", {})  # states of version 0.1 lack it, the scaler and torch's random numbers
    state.objective.load_state_dict({**state.objective.state_dict(), **beside})
    state.average.load_state_dict(content["average"])
    saved = content.get("optimizers") or [content["optimizer"]]  # states of version 0.1 have one, Adam's
    for optimizer, own in zip(state.optimizers, saved, strict=True):
        _restore_optimizer(optimizer, own)
    if content.get("scaler"):
        state.scaler.load_state_dict(content["scaler"])
    state.rng.bit_generator.state = content["rng"]
    _set_torch_rng(content.get("torch_rng", {}), state.device)
    state.step, state.best_psnr = int(content["step"]), float(content["best_psnr"])
    state.seconds = float(content["seconds"])


def _restore_optimizer(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Load an optimizer's state; ValueError where it would fail only later, in a step."""
    wanted = [group.keys() for group in optimizer.param_groups]
    optimizer.load_state_dict(saved)
    if any(keys - group.keys() for keys, group in zip(wanted, optimizer.param_groups, strict=True)):
        raise ValueError("an optimizer's settings are missing")
    for parameter, kept in optimizer.state.items():
        tensors = [value for value in kept.values() if isinstance(value, Tensor)]
        if any(value.numel() != 1 and value.shape != parameter.shape for value in tensors):
            raise ValueError("an optimizer's averages have other shapes")


def _beside_student(objective: Objective) -> dict[str, Tensor]:
    return {key: value for key, value in objective.state_dict().items() if not key.startswith(_STUDENT)}


def _torch_rng(device: torch.device) -> dict[str, Tensor]:
    """For modules that draw random numbers of their own (ours does not)."""
    own = {"cpu": torch.get_rng_state()}
    return {**own, "cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else own


def _set_torch_rng(saved: Mapping[str, Any], device: torch.device) -> None:
    if "cpu" in saved:
        torch.set_rng_state(saved["cpu"])
    if "cuda" in saved and device.type == "cuda":
        torch.cuda.set_rng_state(saved["cuda"], device)
