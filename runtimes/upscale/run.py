"""Running a plan of `upscale`: tiles through the runner, pictures written atomically."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from dlgsanet.command_line.voice import Voice
from dlgsanet.errors import InputError
from dlgsanet.imaging.files import Picture, quantise, read_picture, to_hwc, to_nchw, write_picture
from dlgsanet.imaging.resize import resize_bicubic
from runtimes.machine.clock import now_ms
from runtimes.runner.contract import RunInfo, Runner
from runtimes.runner.tiling import Array, tile_count
from runtimes.upscale.plan import PictureJob, UpscalePlan


@dataclass(frozen=True)
class Upscaled:
    """What was done: by which artifact, on what, and in how many seconds after it was open."""

    info: RunInfo
    jobs: tuple[PictureJob, ...]
    seconds: float

    @property
    def targets(self) -> list[Path]:
        """The files written."""
        return [job.target for job in self.jobs]

    def facts(self) -> dict[str, object]:
        """For programs."""
        pictures = [
            {"source": str(job.source), "target": str(job.target), "height": job.height, "width": job.width}
            for job in self.jobs
        ]
        return {
            "artifact": self.info.artifact,
            "backend": self.info.backend,
            "device": self.info.device,
            "precision": self.info.reported_precision,
            "seconds": round(self.seconds, 3),
            "pictures": pictures,
        }


def run_upscale(plan: UpscalePlan, voice: Voice) -> Upscaled:
    """Upscale every picture. Raises what the runner raises; a picture that was not finished leaves nothing."""
    with plan.runner as run:
        total = sum(count_tiles(run, job, plan.overlap) for job in plan.jobs)
        start = now_ms()
        with voice.progress(total) as step:
            step(plan.jobs[0].source.name)
            for job in plan.jobs:
                upscale_picture(run, job, plan.overlap, partial(step, job.source.name))
        return Upscaled(run.info, plan.jobs, (now_ms() - start) / 1e3)


def count_tiles(run: Runner, job: PictureJob, overlap: int) -> int:
    """How many tiles the picture takes on this runner. Raises InputError for an overlap that does not fit."""
    tile = run.tile_for((job.height, job.width), overlap)
    return tile_count((job.height, job.width), tile, overlap)


def upscale_picture(run: Runner, job: PictureJob, overlap: int, on_tile: Callable[[], None]) -> None:
    """Upscale one picture and write it atomically: colours by the runner, alpha by bicubic, bit depth kept.

    Memory: the picture, the output in 8 or 16 bits, and one row of tiles. `on_tile` is called after every
    tile.
    """
    picture = read_picture(job.source)
    height, width = job.height * run.scale, job.width * run.scale
    if picture.rgb.shape[:2] != (job.height, job.width):
        raise InputError(f"'{job.source}' changed while it waited for its turn; run the command again")

    samples = np.empty((height, width, 3), np.uint8 if picture.bits == 8 else np.uint16)
    for y0, strip in run.rows(to_nchw(picture.rgb), overlap, on_tile):
        samples[y0 : y0 + strip.shape[2]] = quantise(to_hwc(strip), picture.bits)
    alpha, space = _alpha(picture, height, width), picture.space
    write_picture(job.target, samples, alpha, picture.bits, picture.grey, space.icc, space.chunks)


def _alpha(picture: Picture, height: int, width: int) -> Array | None:
    if picture.alpha is None:
        return None
    resized: Array = np.clip(resize_bicubic(picture.alpha[:, :, None], height, width)[:, :, 0], 0, 1)
    return resized
