"""The plan of `upscale`: every picture is read once and every output named; nothing is computed or written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dlgsanet.command_line.voice import Voice
from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.imaging.decode import read_samples
from dlgsanet.imaging.files import list_images, passed_over_line
from dlgsanet.storage.atomic import require_writable_folder
from runtimes.backends.torch.runner import TorchRunner
from runtimes.bundle.manifest import read_manifest
from runtimes.runner.contract import Runner, RunOptions
from runtimes.runner.tiling import Array, Tile
from runtimes.upscale.choice import chosen_runner
from runtimes.upscale.options import UpscaleOptions
from runtimes.upscale.video.plan import VideoPlan, plan_video
from runtimes.upscale.video.sniff import is_video

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


LoadModel = Callable[[str], LoadedModel]
"""A shipped name or a path to a model. Only the front door has it: this room knows no torch."""


@dataclass(frozen=True)
class PictureJob:
    """One picture to upscale: from `source` to `target`, height x width LR pixels. `dropped`: what it says of its
    colours that the output will not."""

    source: Path
    target: Path
    height: int
    width: int
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True)
class UpscalePlan:
    """What to upscale, and by what: `runner` is not open yet."""

    jobs: tuple[PictureJob, ...]
    runner: AbstractContextManager[Runner]
    overlap: int


def plan_upscale(options: UpscaleOptions, load_model: LoadModel | None, voice: Voice) -> UpscalePlan | VideoPlan:
    """Read what is to be upscaled. Raises InputError for options, a bundle or pictures that cannot be used, and
    UnavailableError for a model without torch."""
    require_choice(options)
    video = any(is_video(path) for path in options.inputs)
    sources = [] if video else list_inputs(options.inputs)
    for line in filter(None, map(passed_over_line, options.inputs)):
        voice.note(line)
    runner: AbstractContextManager[Runner]
    if options.bundle is not None:
        scale = read_manifest(options.bundle).scale
        run_options = RunOptions(options.device, options.threads)
        runner = chosen_runner(options.bundle, options.artifact, run_options, voice.note)
    else:
        reference = _reference(load_model, str(options.model), parse_largest(options.tile), voice)
        runner, scale = reference, reference.scale
    if video:
        return plan_video(options, runner, scale, voice)
    if options.for_videos():
        raise InputError(f"{' and '.join(options.for_videos())}: for videos only; leave it out for pictures")
    with voice.progress(len(sources)) as step:
        jobs = plan_jobs(sources, options.output, scale, options.force, lambda path: step(f"checking {path.name}"))
    for job in jobs:
        if job.dropped:
            voice.note(f"{job.source}: not kept: {', '.join(job.dropped)}")
    return UpscalePlan(tuple(jobs), runner, options.overlap)


def require_choice(options: UpscaleOptions) -> None:
    """Refuse options that do not belong together. Raises InputError."""
    bundle, model = options.bundle, options.model
    if (bundle is None) == (model is None):
        raise InputError("expected either --bundle FOLDER or --model NAME; give one of them")
    if model is not None and options.artifact is not None:
        raise InputError("--artifact names a part of a bundle: give it with --bundle, not with --model")
    if model is not None and (options.device != "CPU" or options.threads is not None):
        raise InputError("--device and --threads belong to --bundle; the reference runs on the CPU as torch is set up")
    if bundle is not None and options.tile is not None:
        raise InputError("--tile belongs to --model; the tiles of a bundle are fixed, choose one with --artifact")


def parse_largest(text: str | None) -> Tile:
    """`256x256`; LARGEST for none. Raises InputError."""
    if text is None:
        return LARGEST
    found = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", text)
    if found is None:
        raise InputError(f"expected --tile HxW such as 256x256, found '{text}'")
    return int(found[1]), int(found[2])


def list_inputs(inputs: Sequence[Path]) -> list[Path]:
    """The image files meant by files and folders, in order. Raises InputError: missing, or a folder without
    any."""
    found: list[Path] = []
    for path in inputs:
        found += list_images(path) if path.is_dir() else [path]
    if not found:
        raise InputError("expected image files or folders to upscale, found none")
    return found


def plan_jobs(
    sources: Sequence[Path], folder: Path, scale: int, force: bool, step: Callable[[Path], None] = lambda path: None
) -> list[PictureJob]:
    """Read every picture once and name its output `<stem>_x<scale>.png`, with its own suffix before that where
    another differs in nothing else; writes nothing.

    Raises InputError for the first thing wrong: an unreadable picture, two with one output, an output that
    is an input, one that exists already (unless `force`), a folder that cannot be written.
    """
    require_writable_folder(folder)
    jobs = []
    for target, source in _outputs(sources, folder, scale, force).items():
        step(source)
        samples = read_samples(source)
        height, width = samples.colour.shape[:2]
        jobs.append(PictureJob(source, target, height, width, samples.space.dropped))
    return jobs


def _outputs(sources: Sequence[Path], folder: Path, scale: int, force: bool) -> dict[Path, Path]:
    """Output -> the picture that it is made of. Names that differ in their suffix alone keep it."""
    taken: dict[Path, Path] = {}
    stems = Counter(Path(name).stem for name in {source.name for source in sources})
    inputs = {source.resolve() for source in sources}
    for source in sources:
        target = folder / f"{source.name if stems[source.stem] > 1 else source.stem}_x{scale}.png"
        if target in taken:
            raise InputError(
                f"'{taken[target]}' and '{source}' would both become '{target}'; rename one, or use two folders"
            )
        if target.resolve() in inputs:
            raise InputError(f"'{target}' is an input and would be overwritten; choose another output folder")
        if target.exists() and not force:
            raise InputError(f"'{target}' exists already; give --force to replace it, or choose another folder")
        taken[target] = source
    return taken


def _reference(load_model: LoadModel | None, name: str, largest: Tile, voice: Voice) -> Runner:
    if load_model is None:
        raise UnavailableError('--model needs torch: pip install "dlgsanet-edge[torch]", or use a bundle')
    model = load_model(name)
    for note in model.notes:
        voice.note(note)
    return TorchRunner(model, model.scale, None, name, largest=largest)
