"""How near to the float graph INT8 is held on drawn pages, and what that costs in layers and gives on other pages:
`python -m benchmarks.studies.int8.page_limits nano-x4 onnxruntime-int8 -o FILE`.

The default layers of one calibrated graph are held against the drawn tiles with one limit after the other. What stays
is judged on whole pages (tiled) that neither calibration nor the limit knows (`benchmarks.subjects.text_pages`),
against the float graph and HR. The table in docs/studies/precision.md is made of the committed results.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.records.study_file import StudyFile, write_study
from benchmarks.studies import run_study
from benchmarks.studies.int8.on_text import TILE, Picture, figures, pages
from dlgsanet.checkpoints import load_model
from export.backends.registry import quantizer_of, timed_tools
from export.machine.fingerprint import fingerprint
from export.machine.journal import Journal
from export.quantization.calibrated_graph import calibrate
from export.quantization.calibration_tiles import calibration_set
from export.quantization.layer_choice.on_drawn_tiles import DrawnYardstick, held_on_drawn_tiles
from export.quantization.layer_choice.sensitivity import CandidateOpener
from export.quantization.options import CalibrationOptions
from export.targets.table import Target
from export.tuning.lowering_trials import Variant, build_graph
from runtimes.file_formats.markdown import markdown_table

NO_LIMIT = 0.0
LIMITS = (NO_LIMIT, 53.0, 55.0, 57.0)


@dataclass(frozen=True)
class LimitRow:
    """One limit in dB, the layers that stay in INT8 of those that were asked, and what they do to the judged pages: dB
    to the float graph (mean and worst page), and dB lost to it against HR, with the page that loses most."""

    limit_db: float
    layers: int
    asked: int
    to_float_db: float
    to_float_worst_db: float
    drop_db: float
    drop_worst_db: float
    worst_page: str


@dataclass(frozen=True)
class PageLimits(StudyFile):
    """The study's file; `machine` is what ranges depend on."""

    model: str
    target: str
    machine: Mapping[str, object]
    rows: tuple[LimitRow, ...]


def study(
    model: str,
    target: Target,
    limits: Sequence[float] = LIMITS,
    say: Callable[[str], None] = lambda step: None,
) -> PageLimits:
    """Calibrate once, then hold the default layers with each limit and judge what stays."""
    network = load_model(model)
    graph = build_graph(network, target, Variant(model, target.row.lowering))
    learnt = calibration_set(network.scale, target.tile, CalibrationOptions())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        made = calibrate(folder, quantizer_of(target.backend), graph, learnt.tiles, say)
        bench = CandidateOpener(made.maker(), target, network.scale)
        judged = pages(network.scale)
        rows = tuple(_row(bench, limit, folder / f"{limit:g}.jsonl", judged, say) for limit in limits)
    return PageLimits(model, target.row.name, fingerprint(timed_tools()), rows)


def _row(
    bench: CandidateOpener, limit: float, journal: Path, pictures: Sequence[Picture], say: Callable[[str], None]
) -> LimitRow:
    asked = tuple(sorted(bench.maker.default))
    held = held_on_drawn_tiles(DrawnYardstick(bench, limit), asked, Journal(journal), say)
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        exact, run = (stack.enter_context(bench.open(place, some)) for some in ((), held.layers))
        row = LimitRow(limit, len(held.layers), len(asked), *figures(run, pictures, exact))
    say(f"{_label(row)}: {row.layers} of {row.asked} layers; {_to_float(row)}; {_lost(row)}")
    return row


def table(contents: Sequence[PageLimits]) -> str:
    """A line for each limit of each network and target."""
    head = [
        "",
        "limit on drawn pages",
        "layers in INT8",
        "other pages: dB to fp32, mean / worst",
        "dB lost, mean / worst",
    ]
    lines = [
        [f"{content.model} {content.target}", _label(row), f"{row.layers} of {row.asked}", _to_float(row), _lost(row)]
        for content in contents
        for row in content.rows
    ]
    return markdown_table(head, lines)


def _label(row: LimitRow) -> str:
    return f"{row.limit_db:g} dB" if row.limit_db > NO_LIMIT else "none"


def _to_float(row: LimitRow) -> str:
    return f"{row.to_float_db:.1f} / {row.to_float_worst_db:.1f}"


def _lost(row: LimitRow) -> str:
    return f"{row.drop_db:.4f} / {row.drop_worst_db:.4f}"


def main(
    model: Annotated[str, typer.Argument(help="A shipped network, or a checkpoint.")],
    target: Annotated[str, typer.Argument(help="An INT8 target, as onnxruntime-int8.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON file to write.")],
    limit: Annotated[list[float] | None, typer.Option(help="Limits in dB; 0 is none.")] = None,
) -> None:
    """Hold the layers with one limit after the other."""
    backend, _, precision = target.partition("-")
    asked = Target(backend, precision, TILE)
    content = study(model, asked, tuple(limit or LIMITS), lambda step: typer.echo(step, err=True))
    write_study(output, content)
    typer.echo(table([content]))


if __name__ == "__main__":
    run_study(main)
