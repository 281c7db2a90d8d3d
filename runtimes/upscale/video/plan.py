"""The plan of a video: what is in the file, and how the output is coded; nothing is computed or written."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from dlgsanet.command_line.voice import Voice
from dlgsanet.errors import InputError
from dlgsanet.storage.atomic import require_writable_folder, sha256_file
from runtimes.bundle.manifest import MANIFEST
from runtimes.machine.memory import available_bytes
from runtimes.runner.contract import Runner
from runtimes.upscale.options import UpscaleOptions
from runtimes.upscale.video.codecs import CONTAINERS, Coding, choose_codec, choose_crf, require_pixels
from runtimes.upscale.video.decode import Part
from runtimes.upscale.video.join import require_container
from runtimes.upscale.video.probe import Clip, probe
from runtimes.upscale.video.segments import Workplace

SEGMENT_FRAMES = 48
"""Frames of a segment: at most so many are computed again after an interruption."""

LEAST_REUSE_DB = 20.0
"""Below, tiles that show something else would count as equal."""

_FRAMES_HELD = 6
"""Upscaled pictures in float32 that exist at once: one that is joined, the tiles of it and those of the next, tiles in
the engine, and, in planes that are smaller, those that wait for the encoder."""

_TIME = re.compile(r"(?:(?:(\d{1,4}):)?(\d{1,4}):)?(\d{1,7}(?:\.\d{1,9})?)")


@dataclass(frozen=True)
class VideoPlan:
    """What to upscale, by what (`runner` is not open yet; `weights` says of what it was made), and where to."""

    clip: Clip
    part: Part
    target: Path
    coding: Coding
    runner: AbstractContextManager[Runner]
    weights: str
    overlap: int
    reuse_db: float | None
    lenient: bool
    force: bool

    @property
    def place(self) -> Workplace:
        """Where unfinished work lies."""
        return Workplace(self.target.with_name(f"{self.target.name}.parts"))


def plan_video(options: UpscaleOptions, runner: AbstractContextManager[Runner], scale: int, voice: Voice) -> VideoPlan:
    """Look into the one video that is to be upscaled. Raises InputError for what cannot be done."""
    if len(options.inputs) != 1:
        raise InputError(f"expected one video at a time, found {len(options.inputs)} inputs; run the command for each")
    source = options.inputs[0]
    part = Part(parse_time(options.start, "--start") or Fraction(0), parse_time(options.duration, "--duration"))
    if part.length == 0:
        raise InputError("expected a --duration above 0")
    if options.reuse is not None and options.reuse < LEAST_REUSE_DB:
        raise InputError(f"expected --reuse of at least {LEAST_REUSE_DB:g} dB, found {options.reuse:g}")
    clip = probe(source)
    target = name_target(source, options.output, scale, options.force)
    codec = choose_codec(options.codec, target.suffix.lower())
    height, width = clip.height * scale, clip.width * scale
    require_pixels(codec, clip.layout, height, width)
    _require_memory(clip, scale)
    crf = choose_crf(codec, options.crf)
    aspect, base = clip.aspect, clip.time_base
    coding = Coding(codec, crf, clip.layout, clip.colour, height, width, base, clip.rate, aspect, SEGMENT_FRAMES)
    require_container(clip, part, coding, target.suffix.lower())
    require_writable_folder(target.parent)
    _tell(clip, coding, target, voice)
    lenient, reuse, weights = options.skip_damaged, options.reuse, _weights(options)
    return VideoPlan(clip, part, target, coding, runner, weights, options.overlap, reuse, lenient, options.force)


def _weights(options: UpscaleOptions) -> str:
    """A hash of the bundle's manifest, which has those of all its files, or of the model's file; a shipped name."""
    if options.bundle is not None:
        return sha256_file(options.bundle / MANIFEST)
    path = Path(str(options.model))
    return sha256_file(path) if path.is_file() else str(options.model)


def parse_time(text: str | None, option: str) -> Fraction | None:
    """Seconds of `90`, `1:30` or `0:01:30.5`, exactly. Raises InputError."""
    if text is None:
        return None
    found = _TIME.fullmatch(text)
    if found is None:
        raise InputError(f"expected {option} in seconds or as h:mm:ss such as 1:02:03.5, found '{text}'")
    return (int(found[1] or 0) * 60 + int(found[2] or 0)) * 60 + Fraction(found[3])


def name_target(source: Path, output: Path, scale: int, force: bool) -> Path:
    """The file meant by `-o`: itself, or `<stem>_x<scale>` in a folder. Raises InputError."""
    target = output
    if output.is_dir() or not output.suffix:
        suffix = source.suffix.lower() if source.suffix.lower() in CONTAINERS else ".mkv"
        target = output / f"{source.stem}_x{scale}{suffix}"
    if target.suffix.lower() not in CONTAINERS:
        raise InputError(f"expected -o with one of {' '.join(CONTAINERS)} for a video, found '{target.name}'")
    if target.is_dir() or (target.exists() and not target.is_file()):
        raise InputError(f"expected a file's name, found a folder or device: '{target}'; choose another name")
    if target.exists() and target.resolve() == source.resolve():
        raise InputError(f"'{target}' is the input and would be overwritten; choose another name")
    if target.exists() and not force:
        raise InputError(f"'{target}' exists already; give --force to replace it, or choose another name")
    return target


def _require_memory(clip: Clip, scale: int) -> None:
    needed = clip.height * clip.width * 12 * (scale * scale * _FRAMES_HELD + 4)
    free = available_bytes()
    if free is not None and needed > free:
        raise InputError(
            f"frames of {clip.width}x{clip.height} upscaled x{scale} need about {needed >> 20} MiB, {free >> 20} MiB "
            "are free; cut the video smaller first"
        )


def _tell(clip: Clip, coding: Coding, target: Path, voice: Voice) -> None:
    if clip.colour.assumed:
        voice.note(f"note: the file does not tell its colour matrix; {coding.colour.words()} is taken, and told")
    if clip.left_out:
        voice.note(f"note: not copied: {', '.join(clip.left_out)}")
    if CONTAINERS[target.suffix.lower()][0] in ("matroska", "webm") and (Fraction(1, 1000) / clip.time_base) != 1:
        voice.note(f"note: {target.suffix} rounds times to 1 ms; .mp4 keeps them exactly")
    pictures = f"{clip.width}x{clip.height} {clip.layout.name}, {coding.colour.words()}"
    rate = f"{float(clip.rate):.3f} frames a second"
    voice.detail(f"{pictures}, {rate} -> {coding.width}x{coding.height} {coding.codec.name}")
