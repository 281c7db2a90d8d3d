"""What whole frames cost in the tiles that `export --frame` chose, against one tile of 128x128.

    dlgsanet export MODEL -o BUNDLE --to openvino --tile 128 --frame 320x180,640x360,1920x1080
    python -m benchmarks.studies.tiles.frames BUNDLE openvino-fp32 -o FILE.json

Frames run through the runner in rows of tiles, as `upscale` runs them, overlap and blending included, in the same
rounds as one tile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.records.environment import Environment, describe_environment
from benchmarks.records.statistics import Interval, ratio_interval
from benchmarks.records.study_file import StudyFile, write_study
from benchmarks.studies import run_study
from dlgsanet.errors import InputError
from runtimes import open_runner
from runtimes.bundle.manifest import read_manifest, select
from runtimes.bundle.tile_choice import FramePlan
from runtimes.file_formats.markdown import markdown_table
from runtimes.machine.clock import time_interleaved
from runtimes.runner.contract import Runner
from runtimes.runner.tiling import Array, Tile

BASE: Tile = (128, 128)
BEFORE = 16  # LR pixels that tiles shared when every frame was cut into tiles of 128
ROUNDS = 7
TILES = 24  # of BASE in a round, one after the other: a single one is over before the machine is at rest


@dataclass(frozen=True)
class FrameRow:
    """A frame in its chosen tiles: `cost` is the time of its pixel against one of a BASE tile, `before` the same for
    the frame in BASE tiles that share BEFORE pixels."""

    plan: FramePlan
    tile: Tile
    cost: Interval
    before: Interval


@dataclass(frozen=True)
class FrameCosts(StudyFile):
    """The study's file, for one family of artifacts."""

    model: str
    family: str
    rounds: int
    environment: Environment
    rows: tuple[FrameRow, ...]


def measure(bundle: Path, family: str, rounds: int) -> FrameCosts:
    """Time every frame that the family was exported for. Raises InputError where there is none, or no BASE tile."""
    manifest = read_manifest(bundle)
    chosen = [(artifact.tile, frame) for artifact in select(manifest, family) for frame in artifact.frames]
    if not chosen or BASE not in [artifact.tile for artifact in select(manifest, family)]:
        raise InputError(f"expected {family} with --tile 128 and --frame in '{bundle}': export it so")
    with ExitStack() as stack:
        best = stack.enter_context(open_runner(bundle, family))
        base = stack.enter_context(open_runner(bundle, f"{family}-{BASE[0]}x{BASE[1]}"))
        noise = np.random.default_rng(0)
        tasks = {"base": partial(_drain, base, _picture(noise, BASE), BEFORE, TILES)}
        for _, plan in chosen:
            picture = _picture(noise, plan.frame)
            tasks[f"{plan.frame}"] = partial(_drain, best, picture, plan.overlap)
            tasks[f"{plan.frame} before"] = partial(_drain, base, picture, BEFORE)
        samples = time_interleaved(tasks, warmup=1, runs=rounds)
    rows = (
        FrameRow(
            plan,
            tile,
            _per_pixel(samples[f"{plan.frame}"], plan.frame, samples["base"]),
            _per_pixel(samples[f"{plan.frame} before"], plan.frame, samples["base"]),
        )
        for tile, plan in chosen
    )
    return FrameCosts(manifest.name, family, rounds, describe_environment(), tuple(rows))


def _drain(run: Runner, picture: Array, overlap: int, times: int = 1) -> None:
    for _ in range(times):
        for _ in run.rows(picture, overlap):
            pass


def _picture(noise: np.random.Generator, size: Tile) -> Array:
    return noise.random((1, 3, *size), np.float32)


def _per_pixel(samples: Sequence[float], size: Tile, base: Sequence[float]) -> Interval:
    share = TILES * math.prod(BASE) / math.prod(size)
    ratio = ratio_interval(samples, base)
    return Interval(ratio.value * share, ratio.low * share, ratio.high * share)


def table(files: Sequence[FrameCosts]) -> str:
    """A line for each frame and family."""
    head = (
        "network, artifact", "frame", "tiles (height x width)", "pixels computed", "its tiles' time, as export took it",
        "whole frame's time (95 % interval)", f"in tiles of 128, {BEFORE} shared",
    )  # fmt: skip
    lines = [
        (
            f"{file.model} {file.family}",
            f"{row.plan.frame[1]}x{row.plan.frame[0]}",
            f"{row.plan.tiles} of {row.tile[0]} x {row.tile[1]}",
            f"{row.plan.computed:.2f}",
            "" if row.plan.cost is None else f"{row.plan.cost:.2f}",
            f"**{row.cost.value:.2f}** ({row.cost.low:.2f} to {row.cost.high:.2f})",
            f"{row.before.value:.2f}",
        )
        for file in files
        for row in sorted(file.rows, key=lambda row: math.prod(row.plan.frame))
    ]
    return markdown_table(head, lines)


def main(
    bundle: Annotated[Path, typer.Argument(help="Bundle exported with --tile 128 and --frame.")],
    family: Annotated[str, typer.Argument(help="Artifact without its tile, such as openvino-fp32.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON file to write.")],
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds.")] = ROUNDS,
) -> None:
    """Measure what the frames of a bundle cost in their tiles."""
    found = measure(bundle, family, rounds)
    write_study(output, found)
    typer.echo(table([found]))


if __name__ == "__main__":
    run_study(main)
