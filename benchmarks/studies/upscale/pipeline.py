"""What `upscale` costs beside its engine: a picture to PNG and a folder to JPEG, against the engine's own time.

`python -m benchmarks.studies.upscale.pipeline FOLDER BUNDLE -o FILE` upscales the pictures of a folder, all of one
size, and the first of them alone; in the same rounds it runs the engine on the first one's tiles, one at a time. The
artifact is open before. Memory is that of a whole command.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.records.study_file import StudyFile, write_study
from benchmarks.studies import run_study
from dlgsanet.command_line.voice import Voice
from dlgsanet.imaging.files import list_images, read_rgb8
from dlgsanet.imaging.pixels import to_nchw
from runtimes import open_runner
from runtimes.file_formats.markdown import markdown_table
from runtimes.machine.clock import time_interleaved
from runtimes.machine.processor import available_threads, cpu_name
from runtimes.runner.contract import Runner
from runtimes.runner.tiling import Array, upscale_tiled
from runtimes.upscale.options import UpscaleOptions
from runtimes.upscale.plan import UpscalePlan, plan_upscale
from runtimes.upscale.run import run_upscale

_PEAK = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


@dataclass(frozen=True)
class PipelineCost(StudyFile):
    """Medians of rounds, in ms: a picture of `width` x `height` LR pixels to PNG, `pictures` of them to JPEG, and the
    engine alone on the `tiles` of one. `peak_mb`: of the command for one picture."""

    artifact: str
    machine: str
    width: int
    height: int
    tiles: int
    png_ms: float
    engine_ms: float
    pictures: int
    jpeg_ms: float
    peak_mb: float


def measure(pictures: Sequence[Path], bundle: Path, artifact: str, rounds: int, warmup: int) -> PipelineCost:
    """Upscale and time; the outputs go. Raises as `open_runner`."""
    first = read_rgb8(pictures[0])
    with tempfile.TemporaryDirectory() as place, open_runner(bundle, artifact) as run:
        options = UpscaleOptions(tuple(pictures), Path(place), bundle=bundle, artifact=artifact, force=True)
        one = replace(options, inputs=options.inputs[:1])
        tiles = tiles_of(run, to_nchw(first))
        tasks: dict[str, Callable[[], object]] = {
            "png": lambda: _upscale(one, run),
            "engine": lambda: [run.infer(tile, checked=False) for tile in tiles],
            "jpeg": lambda: _upscale(replace(options, form="jpg"), run),
        }
        samples = time_interleaved(tasks, warmup=warmup, runs=rounds)
        ms = {name: round(statistics.median(found), 1) for name, found in samples.items()}
        told, peak = run.info.artifact, _peak_mb(pictures[0], bundle, artifact, Path(place))
    return PipelineCost(
        artifact=told,
        machine=f"{cpu_name()}, {available_threads()} cores",
        width=first.shape[1],
        height=first.shape[0],
        tiles=len(tiles),
        png_ms=ms["png"],
        engine_ms=ms["engine"],
        pictures=len(pictures),
        jpeg_ms=ms["jpeg"],
        peak_mb=peak,
    )


def tiles_of(run: Runner, lr: Array) -> list[Array]:
    """What the engine is given for a picture."""
    found: list[Array] = []

    def note(tile: Array) -> Array:
        found.append(tile)
        return np.zeros((1, 3, tile.shape[2] * run.scale, tile.shape[3] * run.scale), np.float32)

    upscale_tiled(note, lr, run.scale, run.tile_for((lr.shape[2], lr.shape[3])))
    return found


def _upscale(options: UpscaleOptions, run: Runner) -> None:
    quiet = Voice(quiet=True)
    plan = plan_upscale(options, None, quiet)
    assert isinstance(plan, UpscalePlan)
    run_upscale(replace(plan, runner=nullcontext(run)), quiet)


def _peak_mb(picture: Path, bundle: Path, artifact: str, out: Path) -> float:
    """Linux: the largest resident size that the command had."""
    words = ["upscale", "-q", "--force", "--bundle", bundle, "--artifact", artifact, "-o", out, picture]
    command = [sys.executable, "-c", _PEAK, sys.executable, "-m", "dlgsanet", *map(str, words)]
    return round(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) * 1024 / 1e6, 1)


def table(cost: PipelineCost) -> str:
    """One row for the picture and one for the folder."""
    beside = cost.png_ms / cost.engine_ms
    share = cost.pictures * cost.engine_ms / cost.jpeg_ms
    picture = f"{cost.width}x{cost.height}"
    rows = [
        (f"one picture of {picture} to PNG", f"{cost.png_ms / 1e3:.2f}", f"{beside:.2f}", f"{1 / beside:.2f}"),
        (f"{cost.pictures} such to JPEG", f"{cost.jpeg_ms / 1e3:.2f}", f"{1 / share:.2f}", f"{share:.2f}"),
    ]
    lines = f"`{cost.artifact}` on {cost.machine}, {cost.tiles} tiles a picture; one takes {cost.peak_mb:.0f} MB."
    return markdown_table(("what", "s", "times the engine alone", "engine's share"), rows) + "\n\n" + lines


def main(
    folder: Annotated[Path, typer.Argument(help="Pictures of one size.")],
    bundle: Annotated[Path, typer.Argument(help="Bundle folder.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write.")],
    artifact: Annotated[str, typer.Option(help="Artifact of the bundle.")] = "openvino-bf16",
    rounds: Annotated[int, typer.Option(min=1, help="Times each is timed.")] = 3,
    warmup: Annotated[int, typer.Option(min=0, help="Rounds before; none for a folder that takes minutes.")] = 1,
) -> None:
    """Measure, write the file and print its table."""
    cost = measure(list_images(folder), bundle, artifact, rounds, warmup)
    write_study(output, cost)
    typer.echo(table(cost))


if __name__ == "__main__":
    run_study(main)
