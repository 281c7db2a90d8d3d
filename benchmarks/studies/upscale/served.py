"""What a model server on the same machine costs: one tile by the file and by the server, in turn.

`python -m benchmarks.studies.upscale.served BUNDLE URL --model NAME --artifact NAME -o FILE`; the server holds the
model of `dlgsanet repository BUNDLE` and gives it one thread, as the file gets here.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.records.study_file import StudyFile, write_study
from benchmarks.studies import run_study
from dlgsanet.errors import GateError
from export.pictures import photograph
from runtimes import open_runner, open_served
from runtimes.backends.kserve.address import parse_served
from runtimes.bundle.manifest import read_manifest
from runtimes.machine.clock import now_ms
from runtimes.machine.processor import available_threads, cpu_name
from runtimes.runner.contract import Runner

WARM = 5


@dataclass(frozen=True)
class ServedTile(StudyFile):
    """Medians of a tile's milliseconds. `ratio`: the median of each round's server over its file."""

    machine: str
    model: str
    artifact: str
    server: str
    rounds: int
    file_ms: float
    server_ms: float
    ratio: float


def measure(file: Runner, served: Runner, model: str, machine: str, rounds: int) -> ServedTile:
    """Both are open. Raises GateError where they differ in a bit."""
    tile = file.tile or (128, 128)
    lr = photograph(tile)
    if not np.array_equal(file.infer(lr), served.infer(lr)):
        raise GateError("the server's tile is not the file's: is it the same artifact?")
    pairs = [(_ms(file, lr), _ms(served, lr)) for _ in range(rounds + WARM)][WARM:]
    file_ms, server_ms = (round(statistics.median(some), 3) for some in zip(*pairs, strict=True))
    ratio = round(statistics.median(there / here for here, there in pairs), 4)
    return ServedTile(machine, model, file.info.artifact, served.info.device, rounds, file_ms, server_ms, ratio)


def _ms(run: Runner, lr: np.ndarray) -> float:
    start = now_ms()
    run.infer(lr)
    return now_ms() - start


def line(found: ServedTile) -> str:
    """Both times and their ratio."""
    return (
        f"A tile of `{found.model}` ({found.artifact}) takes {found.file_ms:.1f} ms from the file and "
        f"{found.server_ms:.1f} ms from the server ({found.server}): **{found.ratio:.2f}** times as long "
        f"({found.machine}, one thread each, medians of {found.rounds} rounds in turn)."
    )


def main(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder.")],
    url: Annotated[str, typer.Argument(help="The server: grpc://HOST:PORT or http://HOST:PORT.")],
    model: Annotated[str, typer.Option(help="Its name there.")],
    artifact: Annotated[str, typer.Option(help="Artifact of the bundle.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write.")],
    rounds: Annotated[int, typer.Option(min=1, help="Tiles of each.")] = 60,
) -> None:
    """Measure, write the file and print its line."""
    machine = f"{cpu_name()}, {available_threads()} cores"
    with open_runner(bundle, artifact, threads=1) as file, open_served(parse_served(url, model)) as served:
        found = measure(file, served, read_manifest(bundle).name, machine, rounds)
        about = served.info.device.partition(" (")[2].removesuffix(")")
        found = replace(found, server=f"{url.partition(':')[0]}: {about}")
    write_study(output, found)
    typer.echo(line(found))


if __name__ == "__main__":
    run_study(main)
