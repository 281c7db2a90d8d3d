"""What happens between two steps: progress, log, validation, checkpoints. In the first process only."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import Progress as Bar

from dlgsanet.checkpoints import save_checkpoint
from dlgsanet.command_line.progress import clock_time
from dlgsanet.network.model import DLGSANet
from dlgsanet.training.configuration.read import TrainConfig
from dlgsanet.training.loop import Progress
from dlgsanet.training.progress.journal import Journal
from dlgsanet.training.progress.validate import Score, ValidationSet, open_validation, validate
from dlgsanet.training.state import TrainState, save_state

LAST, BEST, FINAL = "last.pt", "best.safetensors", "final.safetensors"


class Reporter:
    """The voice and the pen of the run in `folder`. Raises InputError for an unusable validation folder."""

    def __init__(self, config: TrainConfig, folder: Path, state: TrainState, bar: Bar, console: Console) -> None:
        self.config, self.folder, self.state = config, folder, state
        self.bar, self.console = bar, console
        validation = config.data.validation
        self.images = open_validation(validation, config.model.scale) if validation else None
        self.journal = Journal(folder, state.step, config.run.tensorboard)
        self.task = bar.add_task("training", total=config.schedule.steps, completed=state.step, note="")
        self.recent: list[Progress] = []

    def after_step(self, progress: Progress) -> None:
        """Report, validate and save when it is time."""
        run, step = self.config.run, progress.step
        self.recent.append(progress)
        if step % run.log_every == 0:
            self._report(progress)
        if self.images and step % run.validate_every == 0:
            self._validate(self.images)
        if step % run.save_every == 0:
            self.save_state()

    def save_state(self) -> None:
        """Write what the run goes on from."""
        save_state(self.folder / LAST, self.state, self.config)

    def finish(self) -> Path:
        """Write the end of the run; returns the final checkpoint."""
        self.save_state()
        self.save(FINAL, validate(self.state.average, self.images) if self.images else None)
        self.journal.close()
        return self.folder / FINAL

    def save(self, name: str, score: Score | None) -> None:
        """Write the moving average with what is known about it."""
        average = self.state.average
        assert isinstance(average, DLGSANet)
        facts = {"steps": str(self.state.step), "seconds": f"{self.state.seconds:.0f}"}
        if score and self.images:
            facts["validation"] = f"{self.images.name} {score.psnr_db:.3f} dB / {score.ssim:.4f}"
        save_checkpoint(self.folder / name, average, facts)

    def _report(self, now: Progress) -> None:
        count = len(self.recent)
        loss = sum(progress.loss for progress in self.recent) / count
        seconds = sum(progress.seconds for progress in self.recent)
        speed = sum(progress.images for progress in self.recent) / seconds
        self.recent.clear()
        steps = self.config.schedule.steps
        note = f"loss {loss:.5f}  {speed:.1f} img/s"
        self.bar.update(self.task, completed=now.step, note=note)
        if self.bar.disable:  # no terminal: lines for whoever reads the output later
            left = clock_time((steps - now.step) * seconds / count)
            self.console.print(f"step {now.step} of {steps}  {note}  {left} left")
        record = {"step": now.step, "loss": loss, "lr": now.learning_rate, "images_per_s": speed}
        self.journal.write({**record, "seconds": round(self.state.seconds, 1)})

    def _validate(self, images: ValidationSet) -> None:
        score = validate(self.state.average, images)
        self.console.print(f"step {self.state.step}: {images.name} {score.psnr_db:.3f} dB / {score.ssim:.4f}")
        self.journal.write({"step": self.state.step, "psnr_db": score.psnr_db, "ssim": score.ssim})
        if score.psnr_db > self.state.best_psnr:
            self.state.best_psnr = score.psnr_db
            self.save(BEST, score)
