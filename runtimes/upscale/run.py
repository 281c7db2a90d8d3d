"""Running a plan of `upscale`: tiles through the runner, pictures written atomically."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dlgsanet.command_line.voice import Voice
from dlgsanet.errors import InputError
from dlgsanet.imaging.decode import Samples
from dlgsanet.imaging.pixels import Pixels
from runtimes.machine.clock import now_ms
from runtimes.machine.stage_clock import StageClock
from runtimes.runner.contract import RunInfo, Runner
from runtimes.runner.tiling import tile_count
from runtimes.upscale.pictures import finished_rows, not_kept, read_input, write_output
from runtimes.upscale.pipeline import pipelined
from runtimes.upscale.plan import Failed, PictureJob, UpscalePlan


@dataclass(frozen=True)
class Upscaled:
    """What was done: by which artifact (none where nothing was to do), on what, and in how many seconds after it was
    open; what was there already, and what failed."""

    info: RunInfo | None
    jobs: tuple[PictureJob, ...]
    seconds: float
    skipped: tuple[Path, ...] = ()
    failed: tuple[Failed, ...] = ()

    @property
    def targets(self) -> list[Path]:
        """The files written."""
        return [job.target for job in self.jobs]

    def facts(self) -> dict[str, object]:
        """For programs."""
        info = self.info
        pictures = [
            {"source": str(job.source), "target": str(job.target), "height": job.height, "width": job.width}
            for job in self.jobs
        ]
        return {
            "artifact": info.artifact if info else None,
            "backend": info.backend if info else None,
            "device": info.device if info else None,
            "precision": info.reported_precision if info else None,
            "seconds": round(self.seconds, 3),
            "pictures": pictures,
            "skipped": [str(target) for target in self.skipped],
            "failed": [{"source": str(it.source), "reason": it.reason} for it in self.failed],
        }

    def require_all(self) -> None:
        """Raises InputError that names the pictures that failed."""
        if self.failed:
            names = ", ".join(f"'{it.source}'" for it in self.failed)
            asked = len(self.jobs) + len(self.failed)
            raise InputError(f"{len(self.failed)} of {asked} pictures were not upscaled: {names}; see the lines above")


def run_upscale(plan: UpscalePlan, voice: Voice, clock: StageClock | None = None) -> Upscaled:
    """Upscale every picture; the next is read and finished rows are written while one is computed. `clock` times it.

    Raises what the runner raises; a picture that was not finished leaves nothing, one that was computed is written
    all the same. Where the plan keeps going, a picture that cannot be read or written is noted, and the next follows.
    """
    failed = list(plan.pictures.failed)
    done: list[PictureJob] = []
    info, start = None, now_ms()

    def excuse(job: PictureJob, error: InputError) -> None:
        if not plan.keep_going:
            raise error
        failed.append(Failed(job.source, str(error)))

    if plan.jobs:
        with plan.runner as run:
            info, start = run.info, now_ms()
            total = sum(count_tiles(run, job, plan.overlap) for job in plan.jobs)
            with voice.progress(total) as step:
                step(plan.jobs[0].source.name)
                stages = _Stages(run, plan.overlap, voice, step, clock or StageClock())
                done = pipelined(plan.jobs, stages, excuse)
    for it in failed:
        voice.note(f"failed: {it.reason}")
    seconds = (now_ms() - start) / 1e3 if info else 0.0
    return Upscaled(info, tuple(done), seconds, plan.pictures.skipped, tuple(failed))


@dataclass(frozen=True)
class _Stages:
    """What is done to each picture, timed."""

    run: Runner
    overlap: int
    voice: Voice
    step: Callable[[str], None]
    clock: StageClock

    def read(self, job: PictureJob) -> Samples:
        with self.clock.stage("decode"):
            return read_input(job)

    def compute(self, job: PictureJob, samples: Samples) -> Iterator[Pixels]:
        if lost := not_kept(job, samples):
            self.voice.note(f"{job.source}: not kept: {', '.join(lost)}")
        return finished_rows(self.run, samples, self.overlap, partial(self.step, job.source.name), self.clock)

    def write(self, job: PictureJob, samples: Samples, rows: Iterator[Pixels]) -> None:
        write_output(job, samples, self.run.scale, rows, self.clock)


def count_tiles(run: Runner, job: PictureJob, overlap: int) -> int:
    """How many tiles the picture takes on this runner. Raises InputError for an overlap that does not fit."""
    tile = run.tile_for((job.height, job.width), overlap)
    return tile_count((job.height, job.width), tile, overlap)
