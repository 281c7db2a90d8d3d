"""How soon `upscale` has its first tile: seconds from the start of the process, read from what the command says.

`python -m benchmarks.studies.upscale.start PICTURE BUNDLE --artifact NAME -o FILE` runs the whole command in turn with
each artifact and without any (`choice`: the fastest, timed in a run before). With `-v` it says when it looks into the
picture (Python and all modules are there), when the artifact is open, and when a tile is done. The files are in the
disk cache: every command has run once before.
"""

from __future__ import annotations

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
from dlgsanet.errors import BackendError
from runtimes.bundle.manifest import read_manifest
from runtimes.file_formats.markdown import markdown_table
from runtimes.machine.clock import now_ms
from runtimes.machine.processor import available_threads, cpu_name

CHOICE = "choice"
"""In the place of an artifact: none is named."""


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


def measure(picture: Path, bundle: Path, artifacts: Sequence[str], rounds: int) -> StartTimes:
    """Run the command in turn for each artifact. Raises BackendError where it fails."""
    names = [*artifacts, CHOICE]
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in names}
    for turn in range(rounds + 1):
        for name in names:
            seconds = _run(picture, bundle, name)
            if turn:
                found[name].append(seconds)
    rows = tuple(StartRow(name, *_medians(found[name])) for name in names)
    machine = f"{cpu_name()}, {available_threads()} cores"
    return StartTimes(read_manifest(bundle).name, machine, rounds, rows)


def _medians(found: Sequence[tuple[float, float, float]]) -> list[float]:
    return [round(statistics.median(each), 3) for each in zip(*found, strict=True)]


def _run(picture: Path, bundle: Path, artifact: str) -> tuple[float, float, float]:
    named = [] if artifact == CHOICE else ["--artifact", artifact]
    with tempfile.TemporaryDirectory() as place:
        words = ["upscale", "-v", "--bundle", str(bundle), *named, "-o", place, str(picture)]
        start = now_ms()
        command = [sys.executable, "-m", "dlgsanet", *words]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
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


def table(times: StartTimes) -> str:
    """A row for each artifact."""
    head = ("artifact", "modules loaded, s", "engine open, s", "**first tile, s**")
    rows = [
        (
            "the fastest, chosen before" if row.artifact == CHOICE else f"`{row.artifact}`",
            f"{row.looked_s:.2f}", f"{row.open_s:.2f}", f"**{row.tile_s:.2f}**",
        )
        for row in times.rows
    ]  # fmt: skip
    return markdown_table(head, rows) + f"\n\n`{times.model}` on {times.machine}, medians of {times.rounds} rounds."


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
    typer.echo(table(times))


if __name__ == "__main__":
    typer.run(main)
