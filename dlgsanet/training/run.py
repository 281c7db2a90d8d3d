"""One training run in one folder: data, loop, validation, checkpoints, log and progress put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress as Bar

from dlgsanet.command_line.console import PlainConsole
from dlgsanet.command_line.progress import rich_bar
from dlgsanet.errors import BackendError
from dlgsanet.kernels.choice import Choice, apply_kernels, choose_kernels
from dlgsanet.storage.atomic import new_file, require_writable_folder
from dlgsanet.training import build
from dlgsanet.training.configuration.read import TrainConfig
from dlgsanet.training.data.batches import Draw
from dlgsanet.training.data.prefetch import ahead
from dlgsanet.training.loop import NonFiniteStep, Progress, advance
from dlgsanet.training.process.heap import keep_freed_memory
from dlgsanet.training.process.interrupt import StopRequest, stop_between_steps
from dlgsanet.training.process.workers import Worker, join
from dlgsanet.training.progress.reporter import FINAL, LAST, Reporter
from dlgsanet.training.state import TrainState, load_state, new_state

_NAMED = 8  # unusable images spelt out


def train(config: TrainConfig, folder: Path, cache: Path, console: Console) -> Path:
    """Train, or go on with the run in `folder`; returns the final checkpoint (moving average, safetensors).

    Under torchrun every process calls it; the first one writes and speaks. Raises InputError for unusable data
    or a folder of another configuration. On KeyboardInterrupt the state is saved first.
    """
    if config.run.threads:
        torch.set_num_threads(config.run.threads)
    with join(config.run.device) as worker:
        speaker = console if worker.leads else PlainConsole(quiet=True)
        state, choice = start_state(config, worker.device)
        require_writable_folder(folder)
        if (folder / LAST).exists():
            load_state(folder / LAST, state, config)
            speaker.print(f"resumed at step {state.step} of {config.schedule.steps}")
        for line in (*build.notes(config), str(choice)):
            speaker.print(line, markup=False)
        with rich_bar(speaker) as bar:
            draw = _prepared(config, cache, worker, bar, speaker)
            folder.mkdir(parents=True, exist_ok=True)  # not before: unusable data leave no empty folder behind
            reporter = Reporter(config, folder, state, bar, speaker) if worker.leads else None
            _complete(config, state, draw, worker, reporter, folder)
    return folder / FINAL


def start_state(config: TrainConfig, device: torch.device) -> tuple[TrainState, Choice]:
    """A run's state before its first step, and the form of its operators; compiled on first use if that is wanted.

    The moving average, which validates and is shipped, keeps the reference's plain form.
    """
    torch.manual_seed(config.run.seed)
    choice = choose_kernels(config.run.kernels, device, config.run.precision, config.run.compile)
    objective = build.initial_objective(config, device)
    state = new_state(objective, config.optimizer, config.run.seed, config.run.precision)
    apply_kernels(state.model, choice)
    if config.run.compile:
        state.model.compile()  # in place: names of parameters stay
    if device.type == "cpu":
        keep_freed_memory()
    return state, choice


def _prepared(config: TrainConfig, cache: Path, worker: Worker, bar: Bar, console: Console) -> Draw:
    """The drawing of batches, with the images open and the unusable ones named."""
    task = bar.add_task("preparing", total=None, note="")

    def show(folder: str, done: int, total: int) -> None:
        bar.update(task, completed=done, total=total, note=folder)

    stores = build.open_stores(config, cache, worker, show)
    bar.remove_task(task)
    samplers = build.samplers(config, stores)
    _name(console, "that cannot be used", [line for store in stores.values() for line in store.skipped])
    small = dict.fromkeys((sampler.patch * sampler.scale, sampler.too_small) for sampler in samplers.values())
    for side, names in small:
        _name(console, f"smaller than a patch of {side} pixels", names)
    return build.drawer(config, samplers, worker)


def _name(console: Console, what: str, images: Sequence[str]) -> None:
    if images:
        more = f"; and {len(images) - _NAMED} more" if len(images) > _NAMED else ""
        console.print(f"skipped {len(images)} images {what}: {'; '.join(images[:_NAMED])}{more}", markup=False)


def _complete(
    config: TrainConfig, state: TrainState, draw: Draw, worker: Worker, reporter: Reporter | None, folder: Path
) -> None:
    """Train to the end, reporting after each step; a faulty step's batch is kept."""
    # On a CPU drawing costs little, and a thread would only take the step's own core.
    drawing = ahead(draw) if worker.device.type == "cuda" else nullcontext(draw)
    with stop_between_steps() as stop, drawing as drawn:
        try:
            advance(state, build.recipe(config), drawn, worker, _after_step(reporter, worker, stop))
        except NonFiniteStep as fault:
            path = folder / f"fault-step{fault.step}-process{worker.rank}.pt"
            _keep_fault(fault, state, path)
            raise BackendError(f"{fault}; its batch and the weights before it are in {path}") from fault
    if reporter:
        reporter.finish()


def _after_step(reporter: Reporter | None, worker: Worker, stop: StopRequest) -> Callable[[Progress], None]:
    def after_step(progress: Progress) -> None:
        if reporter:
            reporter.after_step(progress)
        if worker.any(stop.requested):
            if reporter:
                reporter.save_state()
                reporter.console.print(f"stopped at step {progress.step}; the same command goes on from there")
            raise KeyboardInterrupt

    return after_step


def _keep_fault(fault: NonFiniteStep, state: TrainState, path: Path) -> None:
    """What it takes to repeat a step that failed: its batch, and the weights before it."""
    content = {"step": fault.step, "lr": fault.batch[0], "hr": fault.batch[1], "model": state.model.state_dict()}
    with new_file(path) as temporary:
        torch.save(content, temporary)
