"""How the default overlap was chosen: what tiling costs against the whole image, for each overlap.

Run by `python -m benchmarks.studies.tiles.overlap`; its result is committed, and the table in docs/guides/tiling.md is
made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from benchmarks.accuracy.figures import standard, summarise
from benchmarks.records.accuracy import ImageRow
from benchmarks.records.study_file import StudyFile, write_study
from benchmarks.studies import run_study
from benchmarks.subjects.datasets import Dataset, open_folder, open_photographs
from dlgsanet.imaging.pixels import to_nchw
from runtimes.file_formats.markdown import markdown_table
from runtimes.runner.tiling import Array, tile_count, upscale_tiled

TILES = (64, 128)
OVERLAPS = (0, 4, 8, 16, 24, 32, 48)


@dataclass(frozen=True)
class OverlapRow:
    """One tile size and overlap (LR pixels) on one data set; decibels are against the whole image at once.

    `work` is how many pixels were computed for each pixel of the images.
    """

    dataset: str
    tile: int
    overlap: int
    work: float
    tiling_drop_db: float
    worst_drop_db: float
    to_whole_db: float | None


@dataclass(frozen=True)
class TileOverlap(StudyFile):
    """The study's file; `datasets`: name -> sha256."""

    model: str
    datasets: Mapping[str, str]
    rows: tuple[OverlapRow, ...]


def study(
    function: Callable[[Array], Array], dataset: Dataset, console: Console, tiles: Sequence[int] = TILES
) -> list[OverlapRow]:
    """Tile every image of the set in every way that makes sense; the whole image is computed once each."""
    ways = [(tile, overlap) for tile in tiles for overlap in OVERLAPS if overlap < tile]
    rows: dict[tuple[int, int], list[ImageRow]] = {way: [] for way in ways}
    computed = dict.fromkeys(ways, 0)
    pixels = 0
    whole = dataset.protocol(None, None)  # both sides are judged by it
    samples = track(dataset.samples(), dataset.name, len(dataset.items), console=console)
    for sample in samples:
        lr = to_nchw(sample.lr)
        target = standard(sample, function(lr), whole)
        pixels += lr.shape[2] * lr.shape[3]
        for tile, overlap in ways:
            sr = upscale_tiled(function, lr, dataset.scale, (tile, tile), overlap)
            rows[tile, overlap].append(target.row(sr))
            computed[tile, overlap] += tile * tile * tile_count((lr.shape[2], lr.shape[3]), (tile, tile), overlap)
    return [_row(dataset, way, rows[way], computed[way] / pixels) for way in ways]


def _row(dataset: Dataset, way: tuple[int, int], rows: Sequence[ImageRow], work: float) -> OverlapRow:
    total = summarise(rows)
    return OverlapRow(dataset.name, *way, work, total.drop_db, total.worst_drop_db, total.to_reference_db)


def table(files: Sequence[TileOverlap]) -> str:
    """The rows of all files in Markdown."""
    head = (
        "network", "images", "tile", "overlap", "computed per pixel", "mean drop, dB", "worst drop, dB",
        "dB to the whole image",
    )  # fmt: skip
    cells = []
    for model, row in ((file.model, row) for file in files for row in file.rows):
        near = "identical" if row.to_whole_db is None else f"{row.to_whole_db:.1f}"
        drops = (f"{row.tiling_drop_db:.4f}", f"{row.worst_drop_db:.4f}")
        cells.append((model, row.dataset, str(row.tile), str(row.overlap), f"{row.work:.2f}", *drops, near))
    return markdown_table(head, cells)


def main(
    model: Annotated[str, typer.Argument(help="Shipped name or checkpoint.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON file to write.")],
    data: Annotated[list[Path] | None, typer.Option(help="Folder of HR images; may be repeated.")] = None,
    tile: Annotated[list[int] | None, typer.Option(min=1, help="Side of a tile; may be repeated.")] = None,
) -> None:
    """Measure the cost of tiling on folders of images, or on the demo's photographs."""
    from dlgsanet.numpy_model import NumpyModel

    reference = NumpyModel.load(model)
    sets = [open_folder(folder, reference.scale) for folder in data or ()] or [open_photographs(reference.scale)]
    console = Console(stderr=True)
    rows = [row for dataset in sets for row in study(reference, dataset, console, tile or TILES)]
    found = TileOverlap(model, {dataset.name: dataset.sha256 for dataset in sets}, tuple(rows))
    write_study(output, found)
    Console().print(table([found]), markup=False, soft_wrap=True)


if __name__ == "__main__":
    run_study(main)
