"""How much faster a training step is with the fused operators, and how fast batches are drawn beside it.

Run by `python -m benchmarks.studies.training.speed`; its result is committed, and the table in docs/guides/train.md is
made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console

from benchmarks.records.environment import Environment, describe_environment
from benchmarks.records.statistics import median_interval, ratio_interval
from benchmarks.records.study_file import StudyFile, write_study
from benchmarks.studies import run_study
from dlgsanet.kernels.choice import operators_of
from dlgsanet.kernels.twins import Operators, fuse
from dlgsanet.training import build
from dlgsanet.training.configuration.read import TrainConfig, config_from_dict
from dlgsanet.training.data.batches import Batch
from dlgsanet.training.data.pixel_store import open_store
from dlgsanet.training.data.sampler import PatchSampler
from dlgsanet.training.loop import Progress, advance
from dlgsanet.training.process.workers import Worker
from dlgsanet.training.run import start_state
from runtimes.file_formats.markdown import markdown_table
from runtimes.machine.clock import time_interleaved

DRAW = "draw"
WARMUP = 2


@dataclass(frozen=True)
class Form:
    """A way of computing the network: the fused operators of a run's form (`run.kernels`), all or those named."""

    name: str
    kernels: str
    only: tuple[str, ...] = ()  # fields of Operators; none: all of them
    label: str = ""

    @property
    def operators(self) -> Operators:
        """What is fused."""
        every = operators_of(self.kernels)
        return every if not self.only else Operators(**{name: getattr(every, name) for name in self.only})


FORMS = (
    Form("plain", "plain", label="`plain`"),
    Form("c-filters-and-gate", "c", ("convolve", "gate"), "dynamic convolution and gate of `c` alone"),
    Form("c", "c", label="`c`"),
)
LABELS = {form.name: form.label for form in FORMS} | {DRAW: "*drawing the batch*"}


@dataclass(frozen=True)
class Case:
    """A network and the batches it is trained on; `patch` is the LR side in pixels."""

    variant: str
    precision: str
    patch: int
    batch: int
    scale: int = 4
    candidates: int = 2


CASES = (
    Case("nano", "bf16", 32, 16),
    Case("tiny", "bf16", 24, 16),
    Case("tiny", "bf16", 32, 8),
    Case("tiny", "fp32", 24, 16),
)


@dataclass(frozen=True)
class SpeedRow:
    """One form in one case: `speedup` is against the plain form in the same rounds, with its 95 % interval.

    The form `draw` is not a step but the drawing of its batch.
    """

    case: Case
    form: str
    threads: int
    samples_ms: tuple[float, ...]
    images_per_s: float
    speedup: float
    speedup_low: float
    speedup_high: float


@dataclass(frozen=True)
class TrainingSpeed(StudyFile):
    """The study's file."""

    environment: Environment
    rows: tuple[SpeedRow, ...]


def study(case: Case, runs: int, threads: int, draw: Callable[[], object] | None) -> list[SpeedRow]:
    """Time whole steps (forward, backward, Adam, moving average) of every form in turns."""
    config = _config(case, threads)
    tasks: dict[str, Callable[[], object]] = {form.name: _step(config, form) for form in FORMS}
    if draw:
        tasks[DRAW] = draw
    samples = time_interleaved(tasks, warmup=WARMUP, runs=runs)
    return [_row(case, form, threads, samples) for form in tasks]


def _row(case: Case, form: str, threads: int, samples: dict[str, list[float]]) -> SpeedRow:
    times = samples[form]
    ratio = ratio_interval(samples["plain"], times)
    speed = case.batch / median_interval(times).value * 1e3
    return SpeedRow(case, form, threads, tuple(times), speed, ratio.value, ratio.low, ratio.high)


def _config(case: Case, threads: int) -> TrainConfig:
    return config_from_dict(
        {
            "model": {"variant": case.variant, "scale": case.scale},
            "data": {"train": "made up", "patch": case.patch, "batch": case.batch, "candidates": case.candidates},
            "schedule": {"steps": 1},
            "run": {"precision": case.precision, "kernels": "plain", "threads": threads, "device": "cpu"},
        }
    )


def _step(config: TrainConfig, form: Form) -> Callable[[], None]:
    """A function that makes the next step on a made-up batch."""
    state, _ = start_state(config, torch.device("cpu"))
    fuse(state.model, form.operators)
    side, count = config.data.patch, config.data.batch
    lr = torch.rand(count, 3, side, side).to(memory_format=torch.channels_last)
    hr = torch.rand(count, 3, side * config.model.scale, side * config.model.scale)
    recipe = build.recipe(config)

    def draw(_: int, __: np.random.Generator) -> Batch:
        return lr, hr

    def ignore(_: Progress) -> None:
        return

    def step() -> None:
        one_more = replace(recipe, schedule=replace(recipe.schedule, steps=state.step + 1))
        advance(state, one_more, draw, Worker(state.device), ignore)

    return step


def _drawing(case: Case, folder: Path, cache: Path) -> Callable[[], object]:
    sampler = PatchSampler([open_store(folder, case.scale, cache)], case.patch, case.candidates)
    rng = np.random.default_rng(0)
    return lambda: sampler.batch(case.batch, rng)


def table(rows: Sequence[SpeedRow]) -> str:
    """The rows in Markdown."""
    head = (
        "network", "arithmetic", "batch x LR patch", "operators", "images/s", "times the plain form (95 % interval)"
    )  # fmt: skip
    cells = []
    for row in rows:
        it = row.case
        ratio = "1" if row.form == "plain" else f"{row.speedup:.2f} ({row.speedup_low:.2f} to {row.speedup_high:.2f})"
        size = f"{it.batch} x {it.patch}"
        cells.append(
            (f"{it.variant} x{it.scale}", it.precision, size, LABELS[row.form], f"{row.images_per_s:.1f}", ratio)
        )
    return markdown_table(head, cells)


def main(
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON file to write.")],
    data: Annotated[Path | None, typer.Option(help="Folder of photographs, to time the drawing of batches.")] = None,
    cache: Annotated[Path, typer.Option(help="Where prepared pixels are kept.")] = Path("runs/cache"),
    runs: Annotated[int, typer.Option(min=5, help="Timed rounds.")] = 9,
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch and of the fused operators.")] = 1,
) -> None:
    """Time training steps in every form, interleaved."""
    torch.set_num_threads(threads)
    rows: list[SpeedRow] = []
    for case in CASES:
        rows += study(case, runs, threads, _drawing(case, data, cache) if data else None)
    write_study(output, TrainingSpeed(describe_environment(), tuple(rows)))
    Console().print(table(rows), markup=False, soft_wrap=True)


if __name__ == "__main__":
    run_study(main)
