"""Every kind of record is shown: on a terminal, on the page, or in the section of another kind."""

from __future__ import annotations

import io
from pathlib import Path
from typing import get_args

from rich.console import Console

import benchmarks.report
from benchmarks.records.latency import LimitRecord
from benchmarks.records.result_file import Record, new_result
from benchmarks.report.kinds import KINDS, show
from tests.benchmarks.records import result_examples as examples

TEMPLATES = Path(benchmarks.report.__file__).parent / "templates"


def test_every_kind_of_record_stands_once_in_the_table() -> None:
    assert sorted(kind.name for kind in KINDS) == sorted({kind.name for kind in KINDS})
    assert {kind.record for kind in KINDS} == set(get_args(Record))


def test_every_section_has_its_template() -> None:
    sections = [kind.section for kind in KINDS if kind.section is not None]
    assert len(sections) > 5 and all((TEMPLATES / section).is_file() for section in sections)


def test_a_terminal_shows_each_kind_that_is_there_and_no_other() -> None:
    _, timed, *_ = examples.two_machines()
    said = printed((*timed.records, LimitRecord("copy", "B", 1e10, 4, (1.0,))))
    assert "p50 ms" in said and "copy: 10.0 GB/s on 4 threads" in said and "of the time of torch-official" in said
    assert "PSNR" not in said and "ladder" not in said
    assert printed(()) == ""


def printed(records: tuple[Record, ...]) -> str:
    stream = io.StringIO()
    show(Console(file=stream, width=200), new_result(examples.DESKTOP, records))
    return stream.getvalue()
