"""Where the decibels go, as tables for the pages: the ladder, the shares of the work and the blocks of one `check`."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.records.accuracy import AccuracyRecord
from benchmarks.records.inside import BlockRecord, RungRecord
from benchmarks.records.result_file import ResultFile
from benchmarks.report.terminal import mac_lines, number
from runtimes.file_formats.markdown import markdown_table

EXTRACT = ("shallow", "g0.b0.mhdlsa", "g0.b0.mhdlsa.gdfn", "g0.b0.gsa", "g0.conv", "g1.conv", "deep")
"""Blocks that a page has room for; `check --blocks` shows all."""


def ladder(file: ResultFile) -> str:
    """Each step against the one before, against HR and against the top."""
    rows = []
    for rung in file.of(RungRecord):
        near = f"{number(rung.to_before_db, '.1f')} / {number(rung.to_before_worst_db, '.1f')}"
        row = (
            rung.step,
            rung.before or "",
            number(rung.psnr_db, ".3f"),
            number(rung.drop_db, "+.4f") if rung.before else "",
            "identical" if rung.identical else near if rung.before else "",
            number(rung.to_top_db, ".1f") if rung.before else "",
        )
        rows.append(row)
    return markdown_table(
        ("step", "made from", "PSNR, dB", "drop, dB", "dB to it: mean / worst", "dB to the top"), rows
    )


def work(file: ResultFile) -> str:
    """Shares of the multiply-adds, as `check` prints them."""
    return "\n".join(["```", *mac_lines(file.of(AccuracyRecord)), "```"])


def blocks(file: ResultFile, extract: Sequence[str] = EXTRACT) -> str:
    """What some blocks add, dB of signal to error, an artifact in each column."""
    shown = [record for record in file.of(BlockRecord) if record.blocks]
    added = [{row.name: row.added_db for row in record.blocks} for record in shown]
    rows = [(name, *(number(each[name], ".1f") for each in added)) for name in extract]
    return markdown_table(("block", *(record.artifact for record in shown)), rows)
