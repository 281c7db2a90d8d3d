"""`python -m benchmarks.studies.zoo FILE [--target TARGET...] [--network NAME...]`: it goes on where it was stopped."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.records.study_file import read_study, write_study
from benchmarks.studies import run_study
from benchmarks.studies.zoo.cells import fill
from benchmarks.studies.zoo.networks import NETWORKS
from benchmarks.studies.zoo.study import TARGETS, Zoo, ZooCell

PACKAGES = ("torch", "spandrel", "onnxruntime", "openvino", "nncf", "coremltools", "tensorrt-rtx")


def main(
    file: Annotated[Path, typer.Argument(help="Where the cells are kept.")],
    target: Annotated[list[str] | None, typer.Option(help="Only these columns; may be repeated.")] = None,
    network: Annotated[list[str] | None, typer.Option(help="Only these networks; may be repeated.")] = None,
) -> None:
    """Fill the table, network by network."""
    cells = list(read_study(Zoo, file).cells) if file.is_file() else []
    tools = {package: version(package) for package in PACKAGES}

    def keep(cell: ZooCell) -> None:
        typer.echo(f"{cell.network} {cell.target}: {cell.result} {cell.reason}")
        cells.append(cell)
        write_study(file, Zoo(tuple(cells), tools))

    for each in NETWORKS:
        done = {cell.target for cell in cells if cell.network == each.name}
        if not network or each.name in network:
            fill(each, [name for name in target or TARGETS if name not in done], keep)


if __name__ == "__main__":
    run_study(main)
