"""What a compressed basis gains and costs: `python -m benchmarks.studies.basis_rank MODEL -o FILE`.

Exports MODEL with every rank asked for, times all in the same rounds, and measures each on images that were not used
for calibration. The result is committed, and the table in docs/studies/lowerings.md is made from it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.latency.rounds import WARMUP
from benchmarks.records.environment import Environment, describe_environment
from benchmarks.records.statistics import median_interval, ratio_interval
from benchmarks.records.study_file import StudyFile, write_study
from benchmarks.report.terminal import number
from benchmarks.studies import run_study
from benchmarks.subjects.datasets import Dataset, open_folder, open_photographs
from dlgsanet.errors import BackendError
from dlgsanet.imaging.pixels import to_hwc, to_nchw
from dlgsanet.metrics import psnr
from runtimes import open_runner
from runtimes.bundle.manifest import read_manifest
from runtimes.file_formats.markdown import markdown_table
from runtimes.machine.clock import time_interleaved
from runtimes.runner.contract import Runner
from runtimes.runner.tile_pictures import tile_pictures

LOOSE_DB = "100"  # every rank is wanted here, whatever it costs


@dataclass(frozen=True)
class RankRow:
    """One rank: `ranks` and `lost` (energy of the filters) block by block; what it costs against the full basis in dB,
    on the calibration images and on others; its median time, and that over the full basis' in the same rounds."""

    asked: str | None
    ranks: tuple[int, ...]
    full_rank: int
    lost: tuple[float, ...]
    calibration_drop_db: float
    drop_db: float
    p50_ms: float
    ratio: float
    ratio_low: float
    ratio_high: float


@dataclass(frozen=True)
class BasisRank(StudyFile):
    """The study's file, the full basis first; `sha256` is that of the images."""

    model: str
    artifact: str
    images: str
    sha256: str
    rows: tuple[RankRow, ...]
    environment: Environment


def export(model: str, target: str, tile: int, rank: str | None, bundle: Path) -> None:
    """One bundle, as a user makes it. Raises BackendError when the command fails."""
    command = [sys.executable, "-m", "dlgsanet", "export", model, "-o", str(bundle), "--to", target]
    command += ["--tile", str(tile)]
    command += ["--basis-rank", rank, "--max-drop", LOOSE_DB] if rank is not None else []
    if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
        raise BackendError(f"the export with rank {rank} failed; what it said stands above")


def mean_psnr(run: Runner, dataset: Dataset) -> float:
    """Mean PSNR in dB as papers have it, through the tiler."""
    scale = dataset.scale
    values = [psnr(to_hwc(run(to_nchw(it.lr))), it.hr, border=scale) for it in dataset.samples()]
    return float(np.mean(values))


def study(
    model: str, target: str, tile: int, ranks: Sequence[str], runs: int, threads: int | None, dataset: str | None
) -> BasisRank:
    """Every rank in turns, the full basis first."""
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        bundles = {rank: Path(temporary) / f"rank-{rank}" for rank in (None, *ranks)}
        for rank, bundle in bundles.items():
            export(model, target, tile, rank, bundle)
        manifest = read_manifest(bundles[None])
        images = open_photographs(manifest.scale) if dataset is None else open_folder(Path(dataset), manifest.scale)
        picture = tile_pictures(bundles[None], manifest, [(tile, tile)])[tile, tile]
        runners = {r: stack.enter_context(open_runner(b, target, threads=threads)) for r, b in bundles.items()}
        quality = {rank: mean_psnr(run, images) for rank, run in runners.items()}
        tasks = {str(r): lambda run=run: run.infer(picture, checked=False) for r, run in runners.items()}
        samples = time_interleaved(tasks, warmup=WARMUP, runs=runs)
        rows = []
        for rank, bundle in bundles.items():
            basis = read_manifest(bundle).artifacts[0].graph.basis
            full = manifest.source.config["channels"] // 4
            blocks = manifest.source.config["groups"] * manifest.source.config["blocks"]
            ratio = ratio_interval(samples[str(rank)], samples["None"])
            rows.append(
                RankRow(
                    asked=rank,
                    ranks=basis.ranks if basis else (full,) * blocks,
                    full_rank=full,
                    lost=basis.lost if basis else (0.0,) * blocks,
                    calibration_drop_db=basis.drop_db if basis else 0.0,
                    drop_db=quality[None] - quality[rank],
                    p50_ms=median_interval(samples[str(rank)]).value,
                    ratio=ratio.value,
                    ratio_low=ratio.low,
                    ratio_high=ratio.high,
                )
            )
        name = f"{target}-{tile}x{tile}"
        return BasisRank(Path(model).stem, name, images.name, images.sha256, tuple(rows), describe_environment())


def table(found: BasisRank) -> str:
    """A line for each rank."""
    head = (
        "`--basis-rank`", "rank per block", "energy lost, most", "drop, dB (calibration / other images)", "ms",
        "of the full basis' time",
    )  # fmt: skip
    lines = []
    for row in found.rows:
        ranks = ", ".join(str(rank) for rank in row.ranks)
        drop = f"{number(row.calibration_drop_db, '.4f')} / {number(row.drop_db, '.4f')}"
        time = f"{row.ratio:.2f} ({row.ratio_low:.2f} to {row.ratio_high:.2f})"
        lines.append((row.asked or "none", ranks, f"{max(row.lost):.1e}", drop, f"{row.p50_ms:.1f}", time))
    return markdown_table(head, lines)


def main(
    model: Annotated[str, typer.Argument(help="Shipped name or checkpoint.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON file to write.")],
    rank: Annotated[list[str] | None, typer.Option(help="A rank or auto; may be repeated.")] = None,
    target: Annotated[str, typer.Option(help="One target.")] = "openvino-fp32",
    tile: Annotated[int, typer.Option(help="Side of the tile in LR pixels.")] = 128,
    runs: Annotated[int, typer.Option(min=5, help="Rounds.")] = 15,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; all cores if not given.")] = None,
    data: Annotated[str | None, typer.Option(help="Folder of HR images; else scikit-image's photographs.")] = None,
) -> None:
    """Time and judge a trained checkpoint with smaller and smaller bases."""
    found = study(model, target, tile, rank or ["5", "4", "3", "2", "1"], runs, threads, data)
    write_study(output, found)
    typer.echo(table(found))


if __name__ == "__main__":
    run_study(main)
