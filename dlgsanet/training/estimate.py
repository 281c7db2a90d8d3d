"""What a run will take, from a few timed steps on this machine with made-up pictures. Writes nothing."""

from __future__ import annotations

import statistics
import sys
from collections import Counter
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch

from dlgsanet.command_line.progress import clock_time
from dlgsanet.training import build
from dlgsanet.training.configuration.read import TrainConfig
from dlgsanet.training.data.batches import Batch
from dlgsanet.training.data.sources import find_pairs
from dlgsanet.training.loop import Progress, advance
from dlgsanet.training.process.workers import Worker, join
from dlgsanet.training.run import start_state
from dlgsanet.training.state import TrainState

_WARM_UP, _TIMED = 1, 3  # steps of each size; the first allocates memory and compiles


@dataclass(frozen=True)
class StageEstimate:
    """One patch size and batch of the run: how many steps it has, and how long one takes."""

    patch: int
    batch: int
    steps: int
    ms_per_step: float

    @property
    def seconds(self) -> float:
        """All its steps."""
        return self.steps * self.ms_per_step / 1e3


@dataclass(frozen=True)
class Estimate:
    """A whole run on this machine. Memory is the peak of one process so far, Python and torch included (CPU), or
    what torch allocated (CUDA)."""

    parameters: int
    device: str
    processes: int
    memory_mib: float
    operators: str
    stages: tuple[StageEstimate, ...]

    @property
    def seconds(self) -> float:
        """All steps; validation and the preparation of the images not counted."""
        return sum(stage.seconds for stage in self.stages)

    def facts(self) -> dict[str, object]:
        """For programs."""
        return {**asdict(self), "seconds": self.seconds}

    def lines(self) -> list[str]:
        """For people to read."""
        place = f"{self.device}, {self.processes} process{'es' if self.processes > 1 else ''}"
        stages = [
            f"{stage.steps} steps of {stage.batch} patches of {stage.patch}x{stage.patch} LR pixels: "
            f"{stage.ms_per_step:.0f} ms each, {stage.batch / stage.ms_per_step * 1e3:.1f} img/s"
            for stage in self.stages
        ]
        return [
            f"network: {self.parameters:,} parameters",
            f"measured on: {place}",
            self.operators,
            *stages,
            f"memory of a process: {self.memory_mib:.0f} MiB",
            f"estimated time: {clock_time(self.seconds)} (preparation and validation not counted)",
        ]


def estimate(config: TrainConfig) -> Estimate:
    """Time a few steps of each stage; under torchrun all processes together."""
    if config.run.threads:
        torch.set_num_threads(config.run.threads)
    with join(config.run.device) as worker:
        state, choice = start_state(config, worker.device)
        drawings = map(config.drawing, range(config.schedule.steps))
        counts = Counter((drawing.patch, drawing.batch) for drawing in drawings)
        stages = tuple(
            StageEstimate(patch, batch, steps, _ms_per_step(config, state, worker, patch, batch))
            for (patch, batch), steps in counts.items()
        )
        parameters = sum(p.numel() for p in state.model.parameters())
        return Estimate(parameters, str(worker.device), worker.count, _memory_mib(worker.device), str(choice), stages)


def count_images(config: TrainConfig) -> int:
    """Training images in the configured folders, unread. Raises InputError for a missing or empty one."""
    count = sum(len(find_pairs(folder.hr, config.model.scale, folder.lr)) for folder in config.folders())
    for tests in filter(None, [config.data.validation, *config.data.forbidden]):
        find_pairs(tests, config.model.scale)
    return count


def _ms_per_step(config: TrainConfig, state: TrainState, worker: Worker, patch: int, batch: int) -> float:
    part, scale = worker.share.of(batch), config.model.scale
    lr = torch.rand(part.stop - part.start, 3, patch, patch)
    hr = torch.rand(part.stop - part.start, 3, patch * scale, patch * scale)
    form = torch.channels_last if config.run.channels_last else torch.contiguous_format

    def draw(_: int, __: np.random.Generator) -> Batch:
        return lr.to(memory_format=form), hr

    seen: list[Progress] = []
    state.step = 0
    recipe = replace(build.recipe(config), schedule=replace(config.schedule, steps=_WARM_UP + _TIMED))
    advance(state, recipe, draw, worker, seen.append)
    return 1e3 * statistics.median(progress.seconds for progress in seen[_WARM_UP:])


def _memory_mib(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    import resource  # not on Windows, where this room's signals are not either

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
