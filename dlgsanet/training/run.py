"""One training run in one folder: data, loop, validation, checkpoints, log and progress put together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor

from dlgsanet.checkpoints import read_checkpoint, save_checkpoint
from dlgsanet.imaging.errors import InputError
from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet
from dlgsanet.training import loop
from dlgsanet.training.config import TrainConfig
from dlgsanet.training.data import PatchSampler, PatchStore, open_store
from dlgsanet.training.interrupt import stop_between_steps
from dlgsanet.training.validate import Score, ValidationSet, open_validation, validate

LAST, BEST, FINAL, LOG = "last.pt", "best.safetensors", "final.safetensors", "log.jsonl"


@dataclass(frozen=True)
class RunFiles:
    """Where a run keeps what it writes."""

    folder: Path

    @property
    def last(self) -> Path:
        """The whole training state, for resuming."""
        return self.folder / LAST

    def append_log(self, record: Mapping[str, Any]) -> None:
        """Add one line to the run's log."""
        with (self.folder / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def train(config: TrainConfig, folder: Path, cache: Path, console: Console) -> Path:
    """Train, or go on with the run in `folder`; returns the final checkpoint (moving average, safetensors).

    Raises InputError for unusable data or a folder of another configuration. On KeyboardInterrupt the state
    is saved first.
    """
    if config.run.threads:
        torch.set_num_threads(config.run.threads)
    torch.manual_seed(config.run.seed)
    folder.mkdir(parents=True, exist_ok=True)
    files = RunFiles(folder)
    state = loop.new_state(_initial_model(config), config.optimizer, config.run.seed)
    if files.last.exists():
        loop.load_state(files.last, state, config)
        console.print(f"resumed at step {state.step} of {config.schedule.steps}")
    images = open_validation(config.data.validation, config.model.scale) if config.data.validation else None
    with _progress(console) as bar:
        store = _prepared_store(config, cache, bar)
        if store.skipped:
            console.print(f"skipped {len(store.skipped)} images: {'; '.join(store.skipped[:3])}")
        reporter = _Reporter(config, state, files, images, bar, console)
        with stop_between_steps() as stop:

            def after_step(progress: loop.Progress) -> None:
                reporter.after_step(progress)
                if stop.requested:
                    loop.save_state(files.last, state, config)
                    console.print(f"stopped at step {state.step}; the same command goes on from there")
                    raise KeyboardInterrupt

            loop.fit(state, config, _drawer(config, store), after_step)
    loop.save_state(files.last, state, config)
    reporter.save(FINAL, validate(state.average, images) if images else None)
    return folder / FINAL


def _initial_model(config: TrainConfig) -> DLGSANet:
    model = DLGSANet(config.model.config())
    if config.model.start_from:
        _copy_fitting(read_checkpoint(config.model.start_from).state, model, config.model.config())
    # Twice as fast on a CPU: the 1x1 and the depthwise convolutions gain. (torch's stubs lack this form of `to`.)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


def _copy_fitting(source: Mapping[str, Tensor], model: DLGSANet, wanted: ModelConfig) -> None:
    """Start from other weights: all tensors of the same shape. Only the upsampler may differ (another scale)."""
    own = model.state_dict()
    odd = [key for key in own if key not in source or source[key].shape != own[key].shape]
    if any(not key.startswith("upsample.") for key in odd):
        raise InputError(f"expected model.start_from to be a {wanted.variant} network, found other shapes in {odd[0]}")
    model.load_state_dict({**own, **{key: source[key] for key in own if key not in odd}})


def _prepared_store(config: TrainConfig, cache: Path, bar: Progress) -> PatchStore:
    task = bar.add_task("preparing", total=None, note="")
    store = open_store(
        config.data.train, config.model.scale, cache, lambda done, total: bar.update(task, completed=done, total=total)
    )
    bar.remove_task(task)
    return store


def _drawer(config: TrainConfig, store: PatchStore) -> loop.Draw:
    sampler = PatchSampler(store, config.data.patch, config.data.candidates)

    def draw(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        lr, hr = sampler.batch(config.data.batch, rng)
        return torch.from_numpy(lr).to(memory_format=torch.channels_last), torch.from_numpy(hr)

    return draw


class _Reporter:
    """What happens between steps: progress bar, log, validation, checkpoints."""

    def __init__(
        self,
        config: TrainConfig,
        state: loop.TrainState,
        files: RunFiles,
        images: ValidationSet | None,
        bar: Progress,
        console: Console,
    ) -> None:
        self.config, self.state, self.files, self.images = config, state, files, images
        self.bar, self.console = bar, console
        self.task = bar.add_task("training", total=config.schedule.steps, completed=state.step, note="")
        self.losses: list[float] = []

    def after_step(self, progress: loop.Progress) -> None:
        run, step = self.config.run, progress.step
        self.losses.append(progress.loss)
        if step % run.log_every == 0:
            loss = sum(self.losses) / len(self.losses)
            self.losses.clear()
            note = f"loss {loss:.5f}  {progress.images_per_s:.1f} img/s"
            self.bar.update(self.task, completed=step, note=note)
            record = {"step": step, "loss": loss, "lr": progress.learning_rate, "images_per_s": progress.images_per_s}
            self.files.append_log({**record, "seconds": round(self.state.seconds, 1)})
        if self.images and step % run.validate_every == 0:
            self._validate(self.images)
        if step % run.save_every == 0:
            loop.save_state(self.files.last, self.state, self.config)

    def _validate(self, images: ValidationSet) -> None:
        score = validate(self.state.average, images)
        self.console.print(f"step {self.state.step}: {images.name} {score.psnr_db:.3f} dB / {score.ssim:.4f}")
        self.files.append_log({"step": self.state.step, "psnr_db": score.psnr_db, "ssim": score.ssim})
        if score.psnr_db > self.state.best_psnr:
            self.state.best_psnr = score.psnr_db
            self.save(BEST, score)

    def save(self, name: str, score: Score | None) -> None:
        """Write the moving average with what is known about it."""
        average = self.state.average
        assert isinstance(average, DLGSANet)
        facts = {"steps": str(self.state.step), "seconds": f"{self.state.seconds:.0f}"}
        if score and self.images:
            facts["validation"] = f"{self.images.name} {score.psnr_db:.3f} dB / {score.ssim:.4f}"
        save_checkpoint(self.files.folder / name, average, facts)


def _progress(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    return Progress(*columns, console=console)
