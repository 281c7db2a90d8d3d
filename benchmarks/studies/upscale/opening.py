"""What a kept network spares: how long an artifact takes to open anew, and from what its engine made of it before.

`python -m benchmarks.studies.upscale.opening BUNDLE --artifact NAME -o FILE` opens each artifact in turn without a
cache, with an empty one and with what that keeps, in one process whose engines are imported already. The picture must
be the same bytes each time.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.records.study_file import StudyFile, write_study
from benchmarks.studies import run_study
from dlgsanet.errors import GateError
from dlgsanet.storage.cache_folder import KINDS, clear
from runtimes import open_runner
from runtimes.bundle.manifest import read_manifest, select
from runtimes.file_formats.markdown import markdown_table
from runtimes.machine.clock import now_ms
from runtimes.machine.processor import available_threads, cpu_name
from runtimes.runner.tiling import Array

_HOME = "XDG_CACHE_HOME"


@dataclass(frozen=True)
class OpeningRow:
    """Medians of milliseconds: without a cache, with an empty one, with what that kept; `ratio`: the median of the
    rounds' own, kept to without."""

    artifact: str
    without_ms: float
    first_ms: float
    kept_ms: float
    ratio: float


@dataclass(frozen=True)
class OpeningTimes(StudyFile):
    """The file of one run."""

    model: str
    machine: str
    rounds: int
    rows: tuple[OpeningRow, ...]


def measure(bundle: Path, artifacts: Sequence[str], rounds: int) -> OpeningTimes:
    """Raises GateError where a kept network computes another picture, and what opening an artifact raises."""
    manifest = read_manifest(bundle)
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in artifacts}
    with _empty_cache():
        for turn in range(rounds + 1):
            for name in artifacts:
                took = _round(bundle, name)
                if turn:  # the first one imports the engine
                    found[name].append(took)
    rows = tuple(_row(select(manifest, name)[0].id, found[name]) for name in artifacts)
    return OpeningTimes(manifest.name, f"{cpu_name()}, {available_threads()} cores", rounds, rows)


def _row(artifact: str, took: Sequence[tuple[float, float, float]]) -> OpeningRow:
    without, first, kept = (round(statistics.median(each), 2) for each in zip(*took, strict=True))
    ratio = statistics.median(last / before for before, _, last in took)
    return OpeningRow(artifact, without, first, kept, round(ratio, 3))


@contextmanager
def _empty_cache() -> Iterator[None]:
    before = os.environ.get(_HOME)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[_HOME] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ[_HOME]
            else:
                os.environ[_HOME] = before


def _round(bundle: Path, name: str) -> tuple[float, float, float]:
    for kind in KINDS:
        clear(kind)
    opened = [_opened(bundle, name, cache) for cache in (False, True, True)]
    if len({picture.tobytes() for _, picture in opened}) > 1:
        raise GateError(f"{name}: a kept network computes another picture: please report this")
    without, first, kept = (took for took, _ in opened)
    return without, first, kept


def _opened(bundle: Path, name: str, cache: bool) -> tuple[float, Array]:
    """Milliseconds until it is open, and what it makes of noise."""
    start = now_ms()
    with open_runner(bundle, name, cache=cache) as run:
        took = now_ms() - start
        return took, run.infer(np.random.default_rng(0).random((1, 3, *run.tiles[0]), np.float32))


def table(files: Sequence[OpeningTimes]) -> str:
    """A row for each artifact, network after network."""
    head = ("network", "artifact", "machine", "without, ms", "first, ms", "kept, ms", "**kept to without**")
    rows = [
        (
            f"`{times.model}`", f"`{row.artifact}`", times.machine, f"{row.without_ms:.0f}", f"{row.first_ms:.0f}",
            f"{row.kept_ms:.0f}", f"**{row.ratio:.2f}**",
        )
        for times in files
        for row in times.rows
    ]  # fmt: skip
    rounds = min(times.rounds for times in files)
    return markdown_table(head, rows) + f"\n\nMedians of at least {rounds} rounds; the pictures are the same bytes."


def main(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder.")],
    artifact: Annotated[list[str], typer.Option(help="Artifact of the bundle; may be repeated.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write.")],
    rounds: Annotated[int, typer.Option(min=1, help="Times each is opened all three ways.")] = 15,
) -> None:
    """Measure, write the file and print its table."""
    times = measure(bundle, artifact, rounds)
    write_study(output, times)
    typer.echo(table([times]))


if __name__ == "__main__":
    run_study(main)
