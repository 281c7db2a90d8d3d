"""How soon `upscale` has its first tile: seconds from the start of the process, read from what the command says.

`python -m benchmarks.studies.upscale.start PICTURE BUNDLE --artifact NAME -o FILE` runs the whole command in turn with
each artifact and without any: `choice` takes the fastest, timed in a run before, and `first choice` times them now.
With `-v` it says when it looks into the picture (Python and all modules are there), when the artifact is open, and when
a tile is done. The files are in the disk cache: every command has run once before.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.records.study_file import StudyFile, write_study
from benchmarks.studies import run_study
from dlgsanet.errors import BackendError
from runtimes.bundle.manifest import read_manifest
from runtimes.file_formats.markdown import markdown_table
from runtimes.machine.clock import now_ms
from runtimes.machine.processor import available_threads, cpu_name

CHOICE, FIRST = "choice", "first choice"
"""In the place of an artifact: none is named, and times are known or not."""

_WORDS = {CHOICE: "the fastest, chosen before", FIRST: "the fastest, chosen now among {families}"}


@dataclass(frozen=True)
class StartRow:
    """Medians of seconds after the start of the process: the first picture is looked into, the artifact is open, its
    first tile is done."""

    artifact: str
    looked_s: float
    open_s: float
    tile_s: float


@dataclass(frozen=True)
class StartTimes(StudyFile):
    """The file of one run."""

    model: str
    machine: str
    rounds: int
    rows: tuple[StartRow, ...]
    families: int | None = None
    """Among which the choice was; None in files that were written before it was timed."""


def measure(picture: Path, bundle: Path, artifacts: Sequence[str], rounds: int) -> StartTimes:
    """Run the command in turn for each artifact. Raises BackendError where it fails."""
    names = [*artifacts, CHOICE, FIRST]
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in names}
    for turn in range(rounds + 1):
        for name in names:
            seconds = _run(picture, bundle, name)
            if turn:
                found[name].append(seconds)
    rows = tuple(StartRow(name, *_medians(found[name])) for name in names)
    machine = f"{cpu_name()}, {available_threads()} cores"
    manifest = read_manifest(bundle)
    return StartTimes(manifest.name, machine, rounds, rows, len({it.family for it in manifest.artifacts}))


def _medians(found: Sequence[tuple[float, float, float]]) -> list[float]:
    return [round(statistics.median(each), 3) for each in zip(*found, strict=True)]


def _run(picture: Path, bundle: Path, artifact: str) -> tuple[float, float, float]:
    named = [] if artifact in _WORDS else ["--artifact", artifact]
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory() as empty:
        environment = os.environ | ({"XDG_CACHE_HOME": empty} if artifact == FIRST else {})
        words = ["upscale", "-v", "--bundle", str(bundle), *named, "-o", place, str(picture)]
        start = now_ms()
        command = [sys.executable, "-m", "dlgsanet", *words]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
        ) as child:
            assert child.stderr is not None
            said = [((now_ms() - start) / 1e3, line.rstrip()) for line in child.stderr]
    if child.returncode:
        raise BackendError(f"upscale failed: {said[-1][1] if said else 'it said nothing'}")
    return moments(said, picture.name)


def moments(said: Sequence[tuple[float, str]], picture: str) -> tuple[float, float, float]:
    """When the picture was looked into, the artifact was open and the first tile done, from the lines of `-v`."""
    looked = [at for at, line in said if line.endswith(f"  checking {picture}")]
    steps = [at for at, line in said if line.endswith(f"  {picture}")]
    return looked[0], steps[0], steps[1]


def table(files: Sequence[StartTimes]) -> str:
    """A row for each artifact, machine after machine."""
    head = ("artifact", "machine", "modules loaded, s", "engine open, s", "**first tile, s**")
    rows = [
        (
            _WORDS.get(row.artifact, f"`{row.artifact}`").format(families=times.families),
            times.machine, f"{row.looked_s:.2f}", f"{row.open_s:.2f}", f"**{row.tile_s:.2f}**",
        )
        for times in files
        for row in times.rows
    ]  # fmt: skip
    models = ", ".join(sorted({f"`{times.model}`" for times in files}))
    rounds = min(times.rounds for times in files)
    return markdown_table(head, rows) + f"\n\n{models}, medians of at least {rounds} rounds."


def main(
    picture: Annotated[Path, typer.Argument(help="Picture of one tile or more.")],
    bundle: Annotated[Path, typer.Argument(help="Bundle folder.")],
    artifact: Annotated[list[str], typer.Option(help="Artifact of the bundle; may be repeated.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write.")],
    rounds: Annotated[int, typer.Option(min=1, help="Times each is run.")] = 7,
) -> None:
    """Measure, write the file and print its table."""
    times = measure(picture, bundle, artifact, rounds)
    write_study(output, times)
    typer.echo(table([times]))


if __name__ == "__main__":
    run_study(main)
