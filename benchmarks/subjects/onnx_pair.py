"""Two ONNX files without a bundle: one that is to be judged, and the network that it should be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.subjects.isolated_runner import IsolatedRunner
from benchmarks.subjects.reference import ComputedReference
from benchmarks.subjects.subject import Origin, Subject
from dlgsanet.errors import InputError
from dlgsanet.storage.atomic import sha256_file
from runtimes.backends.onnxruntime import ENGINE
from runtimes.backends.onnxruntime.file_runner import OnnxFileRunner
from runtimes.backends.onnxruntime.look import Looked, LookJob, look
from runtimes.backends.onnxruntime.untouched import open_untouched
from runtimes.bundle.foreign import ONE, ZERO, Channels, Foreign, Triple
from runtimes.bundle.manifest import PRECISIONS
from runtimes.file_formats.onnx_file import read_facts
from runtimes.runner.contract import RunOptions
from runtimes.runner.overlap import DEFAULT_TILE
from runtimes.runner.tiling import Tile

_ADVICE = "give another --tile, or files whose sizes may change"


@dataclass(frozen=True)
class PairQuestion:
    """`file` is judged by `reference`. What is None is found out: the tile, by whose limits (`precision`), the range of
    the pixels (`top`). The pixels' form is that of both files."""

    file: Path
    reference: Path
    tile: Tile | None
    precision: str | None
    top: float | None
    channels: Channels
    options: RunOptions
    mean: Triple = ZERO
    deviation: Triple = ONE


@dataclass(frozen=True)
class OnnxPair:
    """Both files, looked at: nothing is open yet."""

    origin: Origin
    reference: ComputedReference
    subject: Subject
    notes: tuple[str, ...]


def open_pair(asked: PairQuestion) -> OnnxPair:
    """Look at both files. Raises InputError for what is no network, or not the same one by its sizes; UnavailableError
    without onnx or ONNX Runtime."""
    first = LookJob(str(asked.reference), None, asked.top, asked.channels, mean=asked.mean, deviation=asked.deviation)
    good = look(first)
    found = look(replace(first, file=str(asked.file), otherwise=good.foreign.pixels.top, engines_own=True))
    if found.scale != good.scale:
        raise InputError(
            f"{asked.file.name} enlarges x{found.scale} and {asked.reference.name} x{good.scale}: they are not the "
            "same network; give its own --reference"
        )
    tile = _tile(asked, found.foreign, good.foreign)
    name = asked.reference.stem
    run = open_untouched(asked.reference, good.foreign, asked.options.threads)
    both = ((asked.reference, good), (asked.file, found))
    description = f"{asked.reference.name}, run here by {ENGINE.name} without any optimization"
    return OnnxPair(
        Origin(name, sha256_file(asked.reference), good.scale),
        ComputedReference(run, good.scale, description, fitting=good.foreign.fitting, engine=ENGINE.name),
        _subject(asked, found, tile),
        tuple(f"{file.name}: {note}" for file, it in both for note in it.notes),
    )


def _tile(asked: PairQuestion, *networks: Foreign) -> Tile:
    """The one that was asked for, else that of a file that takes no other. Raises InputError where not both take it."""
    fixed = next((it.fixed for it in networks if it.fixed), None)
    tile = asked.tile or fixed or DEFAULT_TILE
    for file, network in zip((asked.file, asked.reference), networks, strict=True):
        if not network.takes(tile):
            raise InputError(f"{file.name} takes {network.sizes}, found a tile of {tile[0]}x{tile[1]}: {_ADVICE}")
    return tile


def _subject(asked: PairQuestion, found: Looked, tile: Tile) -> Subject:
    name = asked.file.stem
    held = read_facts(asked.file.read_bytes()).precision
    precision = asked.precision or held
    if precision not in PRECISIONS:
        raise InputError(
            f"most weights of {asked.file.name} are {held}, which has no limits: give those of another with --precision"
        )
    opener = partial(OnnxFileRunner, asked.file, found.foreign, found.scale, tile, precision, asked.options)
    return Subject(
        name,
        precision,
        tile,
        IsolatedRunner(name, found.scale, (tile,), opener),
        note=f"by the limits of {precision}: most of its weights are {held}",
        role="artifact",
        backend=ENGINE.name,
    )
