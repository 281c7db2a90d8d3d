"""The study as a command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.records.study_file import write_study
from benchmarks.studies import run_study
from benchmarks.studies.planted_faults.bench import Journal, open_bench, places, run
from benchmarks.studies.planted_faults.catalogue import FAULTS, kind
from benchmarks.studies.planted_faults.study import PlantedFaults, faults_table, summary_table


def main(
    bundles: Annotated[list[Path], typer.Argument(help="Bundles whose artifacts are judged.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON file to write.")],
    work: Annotated[Path, typer.Option(help="Where unfinished work is kept; the same one goes on.")] = Path(
        "runs/planted-faults"
    ),
    artifact: Annotated[list[str] | None, typer.Option(help="Beginnings of artifacts' names; all without.")] = None,
    fault: Annotated[list[str] | None, typer.Option(help="Only these faults.")] = None,
    every: Annotated[
        int, typer.Option(min=1, help="Of the faults of constants only each so manieth, others in each artifact.")
    ] = 1,
    clean: Annotated[bool, typer.Option("--clean", help="No faults: only that no gate speaks.")] = False,
) -> None:
    """Plant every fault into every artifact, and see whether the gates catch it."""
    work.mkdir(parents=True, exist_ok=True)
    journal = Journal(work / "rows.jsonl")
    chosen = () if clean else tuple(it for it in FAULTS if not fault or it.name in fault)
    for bundle in bundles:
        bench = open_bench(bundle, work)
        run(bench, tuple(places(bench, artifact or ())), chosen, journal, typer.echo, every)
    clean_rows, rows = journal.rows()
    content = PlantedFaults(tuple(map(kind, FAULTS)), tuple(clean_rows), tuple(rows))
    write_study(output, content)
    typer.echo(summary_table(content) + "\n\n" + faults_table(content))


if __name__ == "__main__":
    run_study(main)
