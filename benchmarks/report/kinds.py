"""Every kind of record once: what a terminal says of it, and its section of the page.

A new kind is a module in benchmarks/records, its name in `Record`, and a line in KINDS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.text import Text

from benchmarks.accuracy.int8_layers import layers_line
from benchmarks.gates.int8_worth import int8_lines
from benchmarks.latency import roofline
from benchmarks.latency.plane import words
from benchmarks.records.accuracy import AccuracyRecord
from benchmarks.records.inside import BlockRecord, DiagnosisRecord, RungRecord
from benchmarks.records.latency import JobRecord, LatencyRecord, LimitRecord, PlaneRecord, RatioRecord
from benchmarks.records.made_of import KernelRecord, LayersRecord
from benchmarks.records.result_file import Record, ResultFile, kind_of
from benchmarks.report import terminal, terminal_blocks

Shown = Iterator[RenderableType | str]


def _latency(result: ResultFile) -> Shown:
    records = result.of(LatencyRecord)
    if records:
        yield terminal.latency_table(records)
    yield from terminal.reasons(records)
    yield from (f"{record.artifact}: {record.note}" for record in records if record.note)
    yield from terminal.power_lines(records)
    yield from terminal.mac_lines(records)


def _jobs(result: ResultFile) -> Shown:
    for record in result.of(JobRecord):
        yield terminal.job_table(record)
        yield from terminal.job_lines(record)


def _limits(result: ResultFile) -> Shown:
    yield from roofline.lines(result.of(LatencyRecord), result.of(LimitRecord))


def _ratios(result: ResultFile) -> Shown:
    ratios = result.of(RatioRecord)
    yield from int8_lines(result.of(LatencyRecord), ratios)
    yield from map(terminal.ratio_line, terminal.shown_ratios(ratios))


def _planes(result: ResultFile) -> Shown:
    for record in result.of(PlaneRecord):
        yield terminal.plane_table(record)
        yield f"PSNR and SSIM on {record.dataset}, protocol {record.protocol}"
        yield from words(record.points)


def _accuracy(result: ResultFile) -> Shown:
    records = result.of(AccuracyRecord)
    if records:
        yield terminal.accuracy_table(records)
    yield from terminal.reasons(records)
    yield from terminal.mac_lines(records)


def _diagnoses(result: ResultFile) -> Shown:
    if records := result.of(DiagnosisRecord):
        yield terminal.diagnosis_table(records)


def _rungs(result: ResultFile) -> Shown:
    if records := result.of(RungRecord):
        yield terminal.ladder_table(records)


def _layers(result: ResultFile) -> Shown:
    yield from map(layers_line, result.of(LayersRecord))


def _blocks(result: ResultFile) -> Shown:
    yield from terminal_blocks.shown(result.of(BlockRecord))


def _nothing(result: ResultFile) -> Shown:
    """Only the page shows it."""
    yield from ()


@dataclass(frozen=True)
class Kind:
    """`terminal`: tables and lines, of whole files since some compare records; `section`: a template of the page, None
    where another kind's section shows these, too."""

    record: type[Record]
    terminal: Callable[[ResultFile], Shown]
    section: str | None

    @property
    def name(self) -> str:
        """The word for it in result files."""
        return kind_of(self.record)


KINDS = (
    Kind(LatencyRecord, _latency, "latency.html.j2"),
    Kind(LimitRecord, _limits, None),
    Kind(RatioRecord, _ratios, None),
    Kind(PlaneRecord, _planes, None),
    Kind(JobRecord, _jobs, "job.html.j2"),
    Kind(AccuracyRecord, _accuracy, "accuracy.html.j2"),
    Kind(DiagnosisRecord, _diagnoses, "diagnosis.html.j2"),
    Kind(RungRecord, _rungs, "rung.html.j2"),
    Kind(LayersRecord, _layers, "layers.html.j2"),
    Kind(BlockRecord, _blocks, "blocks.html.j2"),
    Kind(KernelRecord, _nothing, "kernels.html.j2"),
)
"""In the order in which they are shown."""


def show(console: Console, result: ResultFile) -> None:
    """Print all that a terminal says of a result."""
    for kind in KINDS:
        for shown in kind.terminal(result):
            if isinstance(shown, str):
                console.print(Text(shown), soft_wrap=True)
            else:
                console.print(shown)
