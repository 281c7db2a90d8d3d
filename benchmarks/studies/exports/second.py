"""What the second export of a network takes, against the first: seconds of the whole command, and processor time of all
its processes, which another load on the machine changes less.

`python -m benchmarks.studies.exports.second MODEL -o FILE` exports MODEL into an empty folder with an empty cache, and
once more with what the first one kept, in turn; the artifacts of both must be the same bytes.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.records.study_file import StudyFile, read_study, write_study
from benchmarks.studies import run_study
from dlgsanet.errors import BackendError, GateError
from runtimes.bundle.manifest import read_manifest
from runtimes.file_formats.markdown import markdown_table
from runtimes.machine.clock import now_ms
from runtimes.machine.processor import available_threads, cpu_name

WANTED: Mapping[str, tuple[str, ...]] = {
    "the default targets": (),
    "INT8 of both engines": ("--to", "onnxruntime-int8,openvino-int8"),
}


@dataclass(frozen=True)
class TwoExports:
    """Medians of seconds, of the clock and of the processor; the ratios are medians of the rounds' own."""

    what: str
    first_s: float
    second_s: float
    ratio: float
    first_cpu_s: float
    second_cpu_s: float
    cpu_ratio: float


@dataclass(frozen=True)
class Took:
    """Seconds of one export."""

    clock: float
    cpu: float


@dataclass(frozen=True)
class SecondExport(StudyFile):
    """The file of one run."""

    model: str
    machine: str
    rounds: int
    rows: tuple[TwoExports, ...]


def measure(model: str, rounds: int, wanted: Mapping[str, Sequence[str]] = WANTED) -> SecondExport:
    """Raises BackendError where an export fails, GateError where the second makes other artifacts."""
    rows = tuple(_row(what, [_pair(model, words) for _ in range(rounds)]) for what, words in wanted.items())
    return SecondExport(Path(model).stem, f"{cpu_name()}, {available_threads()} cores", rounds, rows)


def _row(what: str, pairs: Sequence[tuple[Took, Took]]) -> TwoExports:
    figures: list[float] = []
    for kind in ("clock", "cpu"):
        found = [(getattr(one, kind), getattr(other, kind)) for one, other in pairs]
        figures += [statistics.median(each) for each in zip(*found, strict=True)]
        figures.append(statistics.median(first / second for first, second in found))
    return TwoExports(what, *(round(it, 2) for it in figures))


def _pair(model: str, words: Sequence[str]) -> tuple[Took, Took]:
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / name for name in ("first", "second")]
        first, second = (_export(model, place, words, Path(folder) / "cache") for place in places)
        one, other = ({it.id: it.files for it in read_manifest(place).artifacts} for place in places)
        if one != other:
            raise GateError("the second export's artifacts are other bytes than the first's: please report this")
        return first, second


def _export(model: str, place: Path, words: Sequence[str], cache: Path) -> Took:
    command = [sys.executable, "-m", "dlgsanet", "export", model, "-o", str(place), *words]
    start, before = now_ms(), _cpu_seconds()
    done = subprocess.run(
        command, env=os.environ | {"XDG_CACHE_HOME": str(cache)}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BackendError(f"the export failed: {(done.stderr.splitlines() or ['without a word'])[-1]}")
    return Took((now_ms() - start) / 1e3, _cpu_seconds() - before)


def _cpu_seconds() -> float:
    """Of all children that have ended, and theirs; 0 on Windows, which does not tell."""
    used = os.times()
    return used.children_user + used.children_system


def table(files: Sequence[SecondExport]) -> str:
    """A row for each set of targets, machine after machine."""
    head = (
        "network",
        "targets",
        "machine",
        "first, s",
        "second, s",
        "**ratio**",
        "first, CPU s",
        "second",
        "**ratio**",
    )
    rows = [
        (
            f"`{it.model}`", row.what, it.machine, f"{row.first_s:.1f}", f"{row.second_s:.1f}", f"**{row.ratio:.1f}**",
            f"{row.first_cpu_s:.1f}", f"{row.second_cpu_s:.1f}", f"{row.cpu_ratio:.1f}",
        )
        for it in files
        for row in it.rows
    ]  # fmt: skip
    rounds = min(it.rounds for it in files)
    return markdown_table(head, rows) + f"\n\nRounds: at least {rounds}; the same artifacts, byte for byte."


def joined(found: SecondExport, before: SecondExport) -> SecondExport:
    """What was found, and beside it the rows of an earlier run of the same network, machine and number of rounds: those
    of other targets."""
    if replace(before, rows=()) != replace(found, rows=()):
        return found
    rows = {row.what: row for row in (*before.rows, *found.rows)}
    return replace(found, rows=tuple(rows[what] for what in WANTED if what in rows))


def main(
    model: Annotated[str, typer.Argument(help="A shipped name or a file.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write.")],
    rounds: Annotated[int, typer.Option(min=1, help="Pairs of exports.")] = 3,
    only: Annotated[
        str | None, typer.Option(help="Only targets whose description begins so, beside the file's other rows.")
    ] = None,
) -> None:
    """Measure, write the file and print its table."""
    found = measure(model, rounds, {what: words for what, words in WANTED.items() if what.startswith(only or "")})
    if only is not None and output.is_file():
        found = joined(found, read_study(SecondExport, output))
    write_study(output, found)
    typer.echo(table([found]))


if __name__ == "__main__":
    run_study(main)
