"""What each kind of layer loses and gains in INT8: `python -m benchmarks.studies.int8.layer_scan BUNDLE -o FILE`.

Keeps what a search (`dlgsanet export --search`) recorded in a bundle's manifest as a result; the tables in
docs/studies/precision.md are made from the committed ones. Measures nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.records.study_file import StudyFile, write_study
from benchmarks.report.terminal import number
from benchmarks.studies import run_study
from dlgsanet.errors import InputError
from runtimes.bundle.int8_choice import SearchedLayers
from runtimes.bundle.manifest import read_manifest
from runtimes.file_formats.markdown import markdown_table


@dataclass(frozen=True)
class LayerScan(StudyFile):
    """The study's file: artifact -> what its search recorded."""

    model: str
    artifacts: Mapping[str, SearchedLayers]


def searches(bundle: Path) -> LayerScan:
    """What the searches of a bundle recorded. Raises InputError where nothing was searched."""
    manifest = read_manifest(bundle)
    choices = {it.id: it.choice.int8 for it in manifest.artifacts if it.choice is not None}
    found = {name: choice for name, choice in choices.items() if isinstance(choice, SearchedLayers)}
    if not found:
        raise InputError(f"expected a searched INT8 artifact in '{bundle}', found none: export it with --search")
    return LayerScan(manifest.source.name, found)


def roles_table(files: Sequence[LayerScan]) -> str:
    """A line for each kind of layer of each artifact, the most harmful first."""
    head = (
        "kind of layer", "layers", "dB to the fp32 graph, one layer: mean / worst tile", "dB lost, one layer",
        "ms gained, all",
    )  # fmt: skip
    lines: list[tuple[str, ...]] = []
    for model, artifact, found in _artifacts(files):
        measured = found.layers_measured
        without = "not timed" if found.float_ms is None else f"{found.float_ms:.1f} ms without INT8"
        lines.append((f"**{model} {artifact}**, {without}",))
        kinds = dict.fromkeys(it.role for it in measured.values())
        rows = {kind: [it for it in measured.values() if it.role == kind] for kind in kinds}
        for kind, layers in sorted(rows.items(), key=lambda row: min(it.to_float_db for it in row[1])):
            worst = min(layers, key=lambda it: it.to_float_db)
            near = f"{worst.to_float_db:.1f} / {worst.to_float_worst_db:.1f}"
            gained = f"{found.roles_ms_gained[kind]:+.2f}" if found.roles_ms_gained else ""
            lines.append((f"`{kind}`", str(len(layers)), near, f"{worst.drop_db:.4f}", gained))
    return markdown_table(head, lines)


def candidates_table(files: Sequence[LayerScan]) -> str:
    """The choices that were timed together, the fastest first."""
    head = ("choice", "INT8 convolutions", "ms", "dB lost: mean / worst tile", "dB to the fp32 graph", "")
    lines: list[tuple[str, ...]] = []
    for model, artifact, found in _artifacts(files):
        lines.append((f"{model} {artifact}: none", "0", number(found.float_ms, ".2f")))
        for row in found.candidates:
            drop = f"{row.drop_db:.4f} / {row.drop_worst_db:.4f}"
            taken = "taken" if row.name == found.chosen else ""
            lines.append((row.name, str(row.layers), f"{row.ms:.2f}", drop, f"{row.to_float_db:.1f}", taken))
    return markdown_table(head, lines)


def _artifacts(files: Sequence[LayerScan]) -> list[tuple[str, str, SearchedLayers]]:
    return [(file.model, artifact, found) for file in files for artifact, found in file.artifacts.items()]


def main(
    bundle: Annotated[Path, typer.Argument(help="A bundle that was exported with --search.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON file to write.")],
) -> None:
    """Keep what the search measured."""
    content = searches(bundle)
    write_study(output, content)
    typer.echo(roles_table([content]) + "\n\n" + candidates_table([content]))


if __name__ == "__main__":
    run_study(main)
