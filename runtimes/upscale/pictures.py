"""What is done to one picture: it is read, computed row of tiles by row of tiles, and written as its rows come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

import numpy as np

from dlgsanet.errors import InputError
from dlgsanet.imaging.decode import Samples, read_samples
from dlgsanet.imaging.encode import Looks, new_picture
from dlgsanet.imaging.formats.png_encoder import DEFAULT_COMPRESSION
from dlgsanet.imaging.metadata import NOTHING
from dlgsanet.imaging.pixels import Pixels, quantise
from dlgsanet.imaging.resize import resize_bicubic
from runtimes.machine.stage_clock import StageClock
from runtimes.runner.contract import Runner
from runtimes.runner.tiling import Array
from runtimes.upscale.plan import PictureJob, cannot_keep
from runtimes.upscale.targets import SUFFIXES, format_of

_ROWS_AT_ONCE = 16  # of an output: what stays in a processor's cache from one step to the next


def read_input(job: PictureJob) -> Samples:
    """The picture of a job. Raises InputError as `read_samples`, where it is not the one that was planned, and for
    transparent pixels that its output cannot hold."""
    samples = read_samples(job.source)
    if samples.colour.shape[:2] != (job.height, job.width):
        raise InputError(f"'{job.source}' changed while it waited for its turn; run the command again")
    if _is_jpeg(job) and samples.alpha is not None and samples.alpha.min() < samples.peak:
        raise cannot_keep("transparent pixels", job.source, job.target)
    return samples


def not_kept(job: PictureJob, samples: Samples) -> tuple[str, ...]:
    """What the picture says of its colours that the output will not."""
    lost, said = samples.space.dropped, samples.about.exif is not None and not job.strip
    if job.target.suffix.lower() == ".png" or (said and format_of(job.source) != "png"):  # EXIF of the same colours
        return lost
    return lost + tuple(name.decode() for name, _ in samples.space.chunks if name != b"sRGB")


def finished_rows(
    run: Runner, samples: Samples, overlap: int, on_tile: Callable[[], None], clock: StageClock
) -> Iterator[Pixels]:
    """The colours `scale` times larger, HWC in the picture's own depth, from top to bottom as they are finished."""
    lr = samples.colour.transpose(2, 0, 1)[None]
    for _, strip in clock.each("blend", run.rows(lr, overlap, on_tile, clock.engine)):
        with clock.stage("copies"):
            rows = _as_samples(strip, 8 if samples.peak == 255 else 16)
        yield rows


def write_output(job: PictureJob, samples: Samples, scale: int, rows: Iterable[Pixels], clock: StageClock) -> None:
    """Write the rows as they come, with all that the picture says of itself. Raises InputError as `new_picture`."""
    looks = _looks(job, samples, scale)
    alpha, at = _alpha(samples, looks) if looks.alpha else None, 0
    with ExitStack() as stack:
        put = stack.enter_context(new_picture(job.target, looks))
        for part in rows:
            with clock.stage("encode"):
                beside = [] if alpha is None else [alpha[at : at + len(part), :, None]]
                put(np.concatenate([part, *beside], axis=2) if beside else part)
            at += len(part)
        with clock.stage("encode"):
            stack.close()


def _looks(job: PictureJob, samples: Samples, scale: int) -> Looks:
    height, width = job.height * scale, job.width * scale
    return Looks(
        height,
        width,
        bits=8 if samples.peak == 255 else 16,
        grey=samples.grey,
        alpha=samples.alpha is not None and not _is_jpeg(job),  # there it is opaque
        icc=samples.space.icc,
        chunks=samples.space.chunks if job.target.suffix.lower() == ".png" else (),
        about=NOTHING if job.strip else samples.about.sized(width, height),
        quality=job.quality,
        compression=DEFAULT_COMPRESSION if job.compression is None else job.compression,
    )


def _is_jpeg(job: PictureJob) -> bool:
    return job.target.suffix.lower() in SUFFIXES["jpg"]


def _alpha(samples: Samples, looks: Looks) -> Pixels:
    assert samples.alpha is not None
    small = samples.alpha[:, :, None].astype(np.float32) / np.float32(samples.peak)
    return quantise(np.clip(resize_bicubic(small, looks.height, looks.width)[:, :, 0], 0, 1), looks.bits)


def _as_samples(strip: Array, bits: int) -> Pixels:
    """(1, 3, H, W) in [0, 1] as HWC samples."""
    height, width = strip.shape[2:]
    samples: Pixels = np.empty((height, width, 3), np.uint8 if bits == 8 else np.uint16)
    for top in range(0, height, _ROWS_AT_ONCE):
        some = slice(top, top + _ROWS_AT_ONCE)
        samples[some] = quantise(strip[0, :, some], bits).transpose(1, 2, 0)
    return samples
