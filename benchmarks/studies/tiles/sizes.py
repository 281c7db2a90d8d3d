"""How time and memory grow with the tile, and which tile is best: from a `bench` result with several tiles.

`python -m benchmarks.studies.tiles.sizes RESULT.json --plot FILE.png` prints the tables of docs/studies/lowerings.md
and draws them. Measures nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.records.latency import LatencyRecord
from benchmarks.records.result_file import read_result
from benchmarks.studies import run_study
from dlgsanet.errors import InputError
from runtimes.file_formats.markdown import markdown_table
from runtimes.runner.overlap import DEFAULT_OVERLAP
from runtimes.runner.tiling import tile_count

FRAME = (180, 320)  # LR pixels of a 1280x720 picture at x4
BASE = (128, 128)


@dataclass(frozen=True)
class Growth:
    """time ~ pixels^`time`, memory above the smallest tile's ~ pixels^`memory`: fitted exponents of one family."""

    family: str
    time: float
    memory: float | None


def family(record: LatencyRecord) -> str:
    """The id without its tile."""
    return record.artifact.rpartition("-")[0]


def measured(records: Sequence[LatencyRecord]) -> dict[str, list[LatencyRecord]]:
    """What was timed, by family, smallest tile first. Raises InputError without at least two tiles of one."""
    found: dict[str, list[LatencyRecord]] = {}
    for record in sorted(records, key=lambda it: (it.tile[0] * it.tile[1], it.tile)):
        if record.p50_ms is not None:
            found.setdefault(family(record), []).append(record)
    if not any(len(mine) > 1 for mine in found.values()):
        raise InputError("expected a bench of at least two tiles of one artifact: export with several --tile")
    return found


def growth(name: str, records: Sequence[LatencyRecord]) -> Growth:
    """Least squares on logarithms. What an engine takes anyway is not memory of the tile: the smallest tile's
    is taken off, which leaves one tile less to fit."""
    pixels = [float(record.tile[0] * record.tile[1]) for record in records]
    times = [record.p50_ms or 0.0 for record in records]
    held = [(n, record.peak_rss_mb) for n, record in zip(pixels, records, strict=True) if record.peak_rss_mb]
    above = [(n - held[0][0], mb - held[0][1]) for n, mb in held[1:] if mb > held[0][1]]
    memory = _slope([n for n, _ in above], [mb for _, mb in above]) if len(above) > 2 else None
    return Growth(name, _slope(pixels, times), memory)


def _slope(x: Sequence[float], y: Sequence[float]) -> float:
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def frame_ms(record: LatencyRecord) -> float:
    """What a whole FRAME takes in tiles of this size at the default overlap, from the time of one tile."""
    assert record.p50_ms is not None
    one = record.tile[0] >= FRAME[0] and record.tile[1] >= FRAME[1]
    return record.p50_ms * (1 if one else tile_count(FRAME, record.tile, DEFAULT_OVERLAP))


def table(records: Sequence[LatencyRecord]) -> str:
    """One line for each family and tile."""
    head = (
        "artifact", "tile (H x W)", "ms", "ns per output pixel", "against 128x128", "peak memory, MB", "180x320, ms"
    )  # fmt: skip
    rows = []
    for name, mine in measured(records).items():
        base = next((_per_pixel(it) for it in mine if it.tile == BASE), None)
        best = min(mine, key=frame_ms)
        for it in mine:
            relative = "" if base is None else f"{_per_pixel(it) / base:.2f}"
            memory = "" if it.peak_rss_mb is None else f"{it.peak_rss_mb:.0f}"
            whole = f"**{frame_ms(it):.0f}**" if it is best else f"{frame_ms(it):.0f}"
            tile = f"{it.tile[0]} x {it.tile[1]}"
            rows.append((name, tile, f"{it.p50_ms:.1f}", f"{_per_pixel(it):.0f}", relative, memory, whole))
    return markdown_table(head, rows)


def growth_table(records: Sequence[LatencyRecord]) -> str:
    """The fitted exponents."""
    rows = []
    for name, mine in measured(records).items():
        if len(mine) > 1:
            found = growth(name, mine)
            memory = "too few tiles" if found.memory is None else f"{found.memory:.2f}"
            rows.append((name, f"{found.time:.2f}", memory))
    return markdown_table(("artifact", "time ~ pixels^", "memory above the smallest tile's ~ pixels^"), rows)


def _per_pixel(record: LatencyRecord) -> float:
    """ns per output pixel."""
    assert record.output_megapixels_per_s is not None
    return 1e3 / record.output_megapixels_per_s


def draw(records: Sequence[LatencyRecord], path: Path) -> None:
    """Time and memory over pixels, both axes logarithmic."""
    import matplotlib

    matplotlib.use("svg" if path.suffix == ".svg" else "agg")
    from matplotlib import pyplot, ticker

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for name, mine in measured(records).items():
        pixels = [it.tile[0] * it.tile[1] for it in mine]
        axes[0].plot(pixels, [it.p50_ms for it in mine], "o-", label=name)
        axes[1].plot(pixels, [it.peak_rss_mb or np.nan for it in mine], "o-", label=name)
    for axis, title in zip(axes, ("ms for one tile (median)", "peak memory of the process, MB"), strict=True):
        axis.set(xscale="log", yscale="log", xlabel="LR pixels of the tile", title=title)
        axis.xaxis.set_minor_formatter(ticker.NullFormatter())  # labels of a log axis would overlap
        axis.grid(True, which="both", alpha=0.25)
    axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def main(
    result: Annotated[Path, typer.Argument(help="File of `dlgsanet bench --json`.")],
    plot: Annotated[Path | None, typer.Option(help="Picture to draw.")] = None,
) -> None:
    """Print how time and memory grow with the tile."""
    records = read_result(result).of(LatencyRecord)
    typer.echo(table(records) + "\n\n" + growth_table(records))
    if plot is not None:
        draw(records, plot)


if __name__ == "__main__":
    run_study(main)
