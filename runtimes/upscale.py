"""Image files in, upscaled PNG files out: everything is checked before the first pixel is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.imaging.files import Picture, list_images, quantise, read_picture, to_hwc, to_nchw, write_picture
from dlgsanet.imaging.resize import resize_bicubic
from dlgsanet.storage.atomic import require_writable_folder
from runtimes import open_runner
from runtimes.bundle.manifest import read_manifest
from runtimes.runner.contract import Runner, RunOptions
from runtimes.runner.tiling import Array, tile_count

Say = Callable[[str], None]


class LoadedModel(Protocol):
    """A reference model behind a NumPy door: N x 3 x H x W float32 in [0, 1] to the same, `scale` times
    larger."""

    @property
    def scale(self) -> int: ...

    def __call__(self, lr: Array) -> Array: ...


@dataclass(frozen=True)
class Job:
    """One picture to upscale: from `source` to `target`, height x width LR pixels."""

    source: Path
    target: Path
    height: int
    width: int


def list_inputs(inputs: Sequence[Path]) -> list[Path]:
    """The image files meant by files and folders, in order. Raises InputError: missing, or a folder without
    any."""
    found: list[Path] = []
    for path in inputs:
        found += list_images(path) if path.is_dir() else [path]
    if not found:
        raise InputError("expected image files or folders to upscale, found none")
    return found


def plan(
    sources: Sequence[Path], folder: Path, scale: int, force: bool, progress: Callable[[], None] | None = None
) -> list[Job]:
    """Read every picture once and name its output `<stem>_x<scale>.png`; writes nothing.

    Raises InputError for the first thing wrong: an unreadable picture, two with one output, an output that
    is an input, one that exists already (unless `force`), a folder that cannot be written.
    """
    require_writable_folder(folder)
    taken: dict[Path, Path] = {}
    inputs = {source.resolve(): source for source in sources}
    for source in sources:
        target = folder / f"{source.stem}_x{scale}.png"
        if target in taken:
            raise InputError(
                f"'{taken[target]}' and '{source}' would both become '{target}'; rename one, or use two folders"
            )
        if target.resolve() in inputs:
            raise InputError(f"'{target}' is an input and would be overwritten; choose another output folder")
        if target.exists() and not force:
            raise InputError(f"'{target}' exists already; give --force to replace it, or choose another folder")
        taken[target] = source
    jobs = []
    for target, source in taken.items():
        height, width = read_picture(source).rgb.shape[:2]
        jobs.append(Job(source, target, height, width))
        if progress is not None:
            progress()
    return jobs


def count_tiles(run: Runner, job: Job, overlap: int) -> int:
    """How many tiles the picture takes on this runner. Raises InputError for an overlap that does not fit."""
    tile = run.tile_for((job.height, job.width), overlap)
    return tile_count((job.height, job.width), tile, overlap)


def upscale_picture(run: Runner, job: Job, overlap: int, on_tile: Callable[[], None]) -> None:
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
    write_picture(job.target, samples, _alpha(picture, height, width), picture.bits, grey=picture.grey, icc=picture.icc)


def _alpha(picture: Picture, height: int, width: int) -> Array | None:
    if picture.alpha is None:
        return None
    resized: Array = np.clip(resize_bicubic(picture.alpha[:, :, None], height, width)[:, :, 0], 0, 1)
    return resized


@contextmanager
def chosen_runner(bundle: Path, prefix: str | None, options: RunOptions, say: Say) -> Iterator[Runner]:
    """Open the artifact that `prefix` means, or the first of the bundle that this machine can run as it is
    meant.

    `say` gets one line with the choice. Without a prefix an artifact is passed over, with its reason said,
    when its backend or device is missing here or the engine changes its precision. Raises as `open_runner`,
    and UnavailableError when none can run.
    """
    if prefix is not None:
        with open_runner(bundle, prefix, device=options.device, threads=options.threads) as run:
            if run.info.precision_mismatch:
                say(f"note: {run.info.precision_mismatch}")
            yield run
        return
    families = dict.fromkeys(artifact.family for artifact in read_manifest(bundle).artifacts)
    reasons = []
    for family in families:
        with ExitStack() as stack:
            try:
                runner = open_runner(bundle, family, device=options.device, threads=options.threads)
                run = stack.enter_context(runner)
                reason = run.info.precision_mismatch
            except UnavailableError as error:
                reason = str(error)
            if reason is None:
                say(f"using {run.info.artifact} on {run.info.device} ({run.info.reported_precision})")
                yield run
                return
        reasons.append(reason)
        say(f"passed over {family}: {reason}")
    raise UnavailableError(f"no artifact of '{bundle}' can run here: {'; '.join(reasons) or 'it has none'}")
