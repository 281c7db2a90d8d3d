"""The plan of `upscale`: every picture is looked into and every output named; nothing is decoded or written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dlgsanet.command_line.voice import Voice
from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.imaging.decode import read_announced
from dlgsanet.imaging.encode import DEEP
from dlgsanet.imaging.files import folders_within, passed_over_line
from dlgsanet.storage.atomic import require_writable_folder
from runtimes import open_served
from runtimes.backends.kserve.address import parse_served
from runtimes.backends.torch.runner import TorchRunner
from runtimes.bundle.manifest import read_manifest
from runtimes.bundle.replaceable import require_outside_bundles
from runtimes.runner.contract import Runner, RunOptions
from runtimes.runner.tile_family import PictureSizes
from runtimes.runner.tiling import Array, Tile
from runtimes.upscale.choice import chosen_runner
from runtimes.upscale.options import UpscaleOptions
from runtimes.upscale.targets import PictureSource, list_sources, name_targets
from runtimes.upscale.video.sniff import is_video

if TYPE_CHECKING:
    from runtimes.upscale.video.plan import VideoPlan

LARGEST: Tile = (256, 256)
"""LR pixels that `upscale --model` gives to the reference at once: about 1.5 GB for tiny x4."""


class LoadedModel(Protocol):
    """A reference model behind a NumPy door: N x 3 x H x W float32 in [0, 1] to the same, `scale` times
    larger. `notes`: lines for the user about how it was read."""

    @property
    def scale(self) -> int: ...

    @property
    def notes(self) -> Sequence[str]: ...

    def __call__(self, lr: Array) -> Array: ...


STREAMS = 2
"""Tiles of a video at once: then the encoder, which takes a core now and then, holds up one of them and not all
threads of one."""

_LONGEST_SIDE = {".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383}  # pixels that the formats hold

LoadModel = Callable[[str], LoadedModel]
"""A shipped name or a path to a model. Only the front door has it: this room knows no torch."""


@dataclass(frozen=True)
class PictureJob:
    """One picture to upscale: from `source` to `target`, height x width LR pixels."""

    source: Path
    target: Path
    height: int
    width: int
    quality: int | None = None
    compression: int | None = None
    strip: bool = False


@dataclass(frozen=True)
class Failed:
    """A picture that was not upscaled, and why."""

    source: Path
    reason: str


@dataclass(frozen=True)
class PicturePlan:
    """What is to be done, the outputs that are there already, and what cannot be done."""

    jobs: tuple[PictureJob, ...]
    skipped: tuple[Path, ...] = ()
    failed: tuple[Failed, ...] = ()


@dataclass(frozen=True)
class UpscalePlan:
    """What to upscale, and by what: `runner` is not open yet."""

    pictures: PicturePlan
    runner: AbstractContextManager[Runner]
    overlap: int
    keep_going: bool = False

    @property
    def jobs(self) -> tuple[PictureJob, ...]:
        """The pictures to upscale."""
        return self.pictures.jobs


def plan_upscale(options: UpscaleOptions, load_model: LoadModel | None, voice: Voice) -> UpscalePlan | VideoPlan:
    """Read what is to be upscaled. Raises InputError for options, a bundle or pictures that cannot be used, and
    UnavailableError for a model without torch."""
    require_choice(options)
    video = any(is_video(path) for path in options.inputs)
    if not video:
        _say_passed_over(options, voice)
    scale, opened = _source(options, load_model, voice, STREAMS if video else 1)
    if video:
        from runtimes.upscale.video.plan import plan_video

        if options.for_pictures():
            raise InputError(f"{' and '.join(options.for_pictures())}: for pictures only; leave it out for a video")
        return plan_video(options, opened(None), scale, voice)
    if options.skip_existing and options.force:
        raise InputError("--skip-existing keeps what is there and --force replaces it: give one of them")
    if options.for_videos():
        raise InputError(f"{' and '.join(options.for_videos())}: for videos only; leave it out for pictures")
    targets = name_targets(list_sources(options.inputs, options.output), options, scale)
    with voice.progress(len(targets)) as step:
        pictures = plan_jobs(targets, options, scale, lambda path: step(f"checking {path.name}"))
    if pictures.skipped:
        voice.note(f"{len(pictures.skipped)} outputs are there already and are kept (--skip-existing)")
    asked = PictureSizes(frozenset((job.height, job.width) for job in pictures.jobs), options.overlap)
    return UpscalePlan(pictures, opened(asked), options.overlap, options.keep_going)


def _source(
    options: UpscaleOptions, load_model: LoadModel | None, voice: Voice, streams: int
) -> tuple[int, Callable[[PictureSizes | None], AbstractContextManager[Runner]]]:
    """The scale, and the runner for pictures of these sizes; for any where none are given."""
    if options.server is not None:
        server = _server(options)
        return server.scale, lambda asked: server
    if options.bundle is not None:
        run_options = RunOptions(options.device, options.threads, streams=streams, cache=options.cache)
        opened = partial(chosen_runner, options.bundle, options.artifact, run_options, voice.note)
        return read_manifest(options.bundle).scale, opened
    reference = _reference(load_model, str(options.model), parse_largest(options.tile), voice)
    return reference.scale, lambda asked: reference


def _say_passed_over(options: UpscaleOptions, voice: Voice) -> None:
    for path in options.inputs:
        for folder in folders_within(path, options.output) if path.is_dir() else ():
            if line := passed_over_line(folder):
                voice.note(line)


def require_choice(options: UpscaleOptions) -> None:
    """Refuse options that do not belong together. Raises InputError."""
    bundle, model = options.bundle, options.model
    if options.server is not None:
        _require_server(options)
        return
    if (bundle is None) == (model is None):
        raise InputError("expected either --bundle FOLDER or --model NAME; give one of them")
    if model is not None and options.artifact is not None:
        raise InputError("--artifact names a part of a bundle: give it with --bundle, not with --model")
    if model is not None and (options.device != "CPU" or options.threads is not None):
        raise InputError("--device and --threads belong to --bundle; the reference runs on the CPU as torch is set up")
    if bundle is not None and options.tile is not None:
        raise InputError("--tile belongs to --model; the tiles of a bundle are fixed, choose one with --artifact")


def _require_server(options: UpscaleOptions) -> None:
    if options.device != "CPU" or options.threads is not None or options.tile is not None:
        raise InputError("--device, --threads and --tile are not for a server, which runs as it was set up")
    if (options.bundle is None) != (options.artifact is None):
        raise InputError("expected both --bundle and --artifact with --server, or neither: then the server tells")


def parse_largest(text: str | None) -> Tile:
    """`256x256`; LARGEST for none. Raises InputError."""
    if text is None:
        return LARGEST
    found = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", text)
    if found is None:
        raise InputError(f"expected --tile HxW such as 256x256, found '{text}'")
    return int(found[1]), int(found[2])


def plan_jobs(
    targets: Mapping[Path, PictureSource],
    options: UpscaleOptions,
    scale: int,
    step: Callable[[Path], None] = lambda path: None,
) -> PicturePlan:
    """Look into every picture, by its header; decodes and writes nothing.

    Raises InputError for the first thing wrong: an output that exists already (unless `force` or
    `skip_existing`), a folder that cannot be written, and (unless `keep_going`) a picture that cannot be read or whose
    format cannot hold it.
    """
    jobs, failed = [], []
    for folder in dict.fromkeys(target.parent for target in targets):
        require_outside_bundles(folder / "any")
        require_writable_folder(folder)
    there = [target for target in targets if target.exists()]
    if there and not (options.skip_existing or options.force):
        raise InputError(f"'{there[0]}' exists already; give --force to replace it, or choose another folder")
    skipped = dict.fromkeys(there) if options.skip_existing else {}
    for target, source in targets.items():
        if target in skipped:
            continue
        step(source.path)
        try:
            jobs.append(_job(source.path, target, options, scale))
        except InputError as error:
            if not options.keep_going:
                raise
            failed.append(Failed(source.path, str(error)))
    return PicturePlan(tuple(jobs), tuple(skipped), tuple(failed))


def _job(source: Path, target: Path, options: UpscaleOptions, scale: int) -> PictureJob:
    """Look into a picture. Raises InputError, also where the output's format cannot hold it."""
    found = read_announced(source)
    suffix, what = target.suffix.lower(), ""
    if found.bits > 8 and suffix not in DEEP:
        what = "16 bits"
    if max(found.height, found.width) * scale > _LONGEST_SIDE.get(suffix, 2**31 - 1):
        what = f"{found.width * scale}x{found.height * scale} pixels"
    if what:
        raise cannot_keep(what, source, target)
    return PictureJob(source, target, found.height, found.width, options.quality, options.compression, options.strip)


def cannot_keep(what: str, source: Path, target: Path) -> InputError:
    """Of a picture that the format of its output cannot hold."""
    return InputError(f"cannot keep {what} of {source} in a {target.suffix.lower()}; use --format png")


def _server(options: UpscaleOptions) -> Runner:
    served = parse_served(str(options.server), options.model)
    return open_served(served, bundle=options.bundle, artifact=options.artifact)


def _reference(load_model: LoadModel | None, name: str, largest: Tile, voice: Voice) -> Runner:
    if load_model is None:
        raise UnavailableError('--model needs torch: pip install "dlgsanet-edge[torch]", or use a bundle')
    model = load_model(name)
    for note in model.notes:
        voice.note(note)
    return TorchRunner(model, model.scale, None, name, largest=largest)
