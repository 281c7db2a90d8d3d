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
from dlgsanet.imaging.metadata import NOTHING
from dlgsanet.imaging.pixels import Pixels
from dlgsanet.imaging.resize import resize_bicubic
from runtimes.machine.clock import now_ms
from runtimes.machine.stage_clock import StageClock
from runtimes.runner.contract import RunInfo, Runner
from runtimes.runner.tiling import Array, tile_count
from runtimes.upscale.pipeline import pipelined
from runtimes.upscale.plan import Failed, PictureJob, UpscalePlan, cannot_keep
from runtimes.upscale.targets import SUFFIXES, format_of


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
    """Upscale every picture; while one is computed, the next is read and the last one written. `clock` times it.

    Raises what the runner raises; a picture that was not finished leaves nothing, one that was computed is written
    all the same. Where the plan keeps going, a picture that cannot be read or written is noted, and the next follows.
    """
    failed = list(plan.pictures.failed)
    done: list[PictureJob] = []
    info, start = None, now_ms()
    clock = clock or StageClock()

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

                def compute(job: PictureJob, picture: Picture) -> Pixels:
                    if lost := not_kept(job, picture):
                        voice.note(f"{job.source}: not kept: {', '.join(lost)}")
                    return compute_picture(run, picture, plan.overlap, partial(step, job.source.name), clock)

                read, write = clock.timed("decode", read_input), clock.timed("encode", write_output)
                done = pipelined(plan.jobs, read, compute, write, excuse)
    for it in failed:
        voice.note(f"failed: {it.reason}")
    seconds = (now_ms() - start) / 1e3 if info else 0.0
    return Upscaled(info, tuple(done), seconds, plan.pictures.skipped, tuple(failed))


def count_tiles(run: Runner, job: PictureJob, overlap: int) -> int:
    """How many tiles the picture takes on this runner. Raises InputError for an overlap that does not fit."""
    tile = run.tile_for((job.height, job.width), overlap)
    return tile_count((job.height, job.width), tile, overlap)


def read_input(job: PictureJob) -> Picture:
    """The picture of a job. Raises InputError as `read_picture`, where it is not the one that was planned, and for
    transparent pixels that its output cannot hold."""
    picture = read_picture(job.source)
    if picture.rgb.shape[:2] != (job.height, job.width):
        raise InputError(f"'{job.source}' changed while it waited for its turn; run the command again")
    if job.target.suffix.lower() in SUFFIXES["jpg"] and picture.alpha is not None and picture.alpha.min() < 1:
        raise cannot_keep("transparent pixels", job.source, job.target)
    return picture


def not_kept(job: PictureJob, picture: Picture) -> tuple[str, ...]:
    """What the picture says of its colours that the output will not."""
    lost, said = picture.space.dropped, picture.about.exif is not None and not job.strip
    if job.target.suffix.lower() == ".png" or (said and format_of(job.source) != "png"):  # EXIF of the same colours
        return lost
    return lost + tuple(name.decode() for name, _ in picture.space.chunks if name != b"sRGB")


def compute_picture(
    run: Runner, picture: Picture, overlap: int, on_tile: Callable[[], None], clock: StageClock
) -> Pixels:
    """The colours `scale` times larger, in the picture's own depth."""
    height, width = (side * run.scale for side in picture.rgb.shape[:2])
    samples: Pixels = np.empty((height, width, 3), np.uint8 if picture.bits == 8 else np.uint16)
    with clock.stage("copies"):
        lr = to_nchw(picture.rgb)
    for y0, strip in clock.each("blend", run.rows(lr, overlap, on_tile, clock.engine)):
        with clock.stage("copies"):
            samples[y0 : y0 + strip.shape[2]] = quantise(to_hwc(strip), picture.bits)
    return samples


def write_output(job: PictureJob, picture: Picture, samples: Pixels) -> None:
    """Write what was computed, with all that its picture says of itself. Raises InputError as `write_picture`."""
    height, width = samples.shape[:2]
    alpha, space, suffix = None, picture.space, job.target.suffix.lower()
    if suffix not in SUFFIXES["jpg"]:  # the plan let only opaque ones pass
        alpha = _alpha(picture, height, width)
    chunks = space.chunks if suffix == ".png" else ()
    about = NOTHING if job.strip else picture.about.sized(width, height)
    write_picture(job.target, samples, alpha, picture.bits, picture.grey, space.icc, chunks, about, job.quality)


def _alpha(picture: Picture, height: int, width: int) -> Array | None:
    if picture.alpha is None:
        return None
    resized: Array = np.clip(resize_bicubic(picture.alpha[:, :, None], height, width)[:, :, 0], 0, 1)
    return resized
