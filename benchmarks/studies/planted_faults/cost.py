"""What the probes and figures cost `check`: its CPU time, in turn with that of the code before them.

`python -m benchmarks.studies.planted_faults.cost BUNDLE TREE BUNDLE_OF_TREE -o FILE`; TREE is a checkout of the last
commit without probes, and each code checks the bundle of the same targets that it exported itself. CPU time, since it
minds other work on the machine less than the clock; one thread.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.records.statistics import ratio_interval
from benchmarks.records.study_file import StudyFile, write_study
from benchmarks.studies import run_study
from dlgsanet.errors import BackendError
from runtimes.bundle.manifest import read_manifest
from runtimes.file_formats.markdown import markdown_table
from runtimes.machine.processor import available_threads, cpu_name

HERE = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class CheckCost(StudyFile):
    """CPU seconds of each round, today's and those of the code before. `artifacts`: what the bundle holds."""

    model: str
    machine: str
    artifacts: tuple[str, ...]
    today_s: tuple[float, ...]
    before_s: tuple[float, ...]


def measure(bundle: Path, tree: Path, bundle_of_tree: Path, rounds: int) -> CheckCost:
    """Check in turn; the first round only fills the disk cache. Raises BackendError where a check does not pass."""
    pairs = [(_cpu_s(HERE, bundle), _cpu_s(tree, bundle_of_tree)) for _ in range(rounds + 1)][1:]
    today, before = zip(*pairs, strict=True)
    manifest = read_manifest(bundle)
    machine = f"{cpu_name()}, {available_threads()} cores"
    return CheckCost(manifest.name, machine, tuple(it.id for it in manifest.artifacts), today, before)


def _cpu_s(tree: Path, bundle: Path) -> float:
    """CPU seconds of one check by the code in a checkout, with all that it started."""
    command = [sys.executable, "-m", "dlgsanet", "check", str(bundle.resolve()), "--threads", "1", "-q"]
    environment = os.environ | {"PYTHONPATH": str(tree.resolve())}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=tree, env=environment) as child:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise BackendError(f"check of {bundle} by the code in {tree} ended with exit code {child.returncode}")
    return round(used.ru_utime + used.ru_stime, 3)


def table(files: list[CheckCost]) -> str:
    """A row for each bundle."""
    head = ("bundle", "machine", "rounds", "before, s of CPU", "today", "**times**", "95 %", "of the rounds")
    rows = []
    for cost in files:
        each = [now / then for now, then in zip(cost.today_s, cost.before_s, strict=True)]
        times = ratio_interval(cost.today_s, cost.before_s)
        rows.append((
            f"{cost.model}: {', '.join(f'`{name}`' for name in cost.artifacts)}", cost.machine, str(len(each)),
            f"{statistics.median(cost.before_s):.1f}", f"{statistics.median(cost.today_s):.1f}",
            f"**{times.value:.2f}**", f"{times.low:.2f} to {times.high:.2f}", f"{min(each):.2f} to {max(each):.2f}",
        ))  # fmt: skip
    return markdown_table(head, rows)


def main(
    bundle: Annotated[Path, typer.Argument(help="Bundle that this code exported.")],
    tree: Annotated[Path, typer.Argument(help="Checkout of the code before the probes.")],
    bundle_of_tree: Annotated[Path, typer.Argument(help="Bundle of the same targets that it exported.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write.")],
    rounds: Annotated[int, typer.Option(min=5, help="Times each is run.")] = 9,
) -> None:
    """Measure, write the file and print its table."""
    cost = measure(bundle, tree, bundle_of_tree, rounds)
    write_study(output, cost)
    typer.echo(table([cost]))


if __name__ == "__main__":
    run_study(main)
