"""What `check --blocks` prints: decibels by block, one table for each kind of error, artifacts side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rich.table import Table
from rich.text import Text

from benchmarks.records.inside import BlockRecord, BlockRow
from benchmarks.report.terminal import number

TOTAL = "signal to error behind each block, dB, with all that came before (no error: -)"
ADDED = "what each block adds: signal to error, dB, against the reference's block on the same input"


def shown(records: Sequence[BlockRecord]) -> Iterator[Table | str]:
    """Two tables and a line for each artifact: how near the twin is, or why there is nothing to show."""
    seen = [record for record in records if record.blocks]
    if seen:
        yield table(seen, TOTAL, lambda row: row.total_db)
        yield table(seen, ADDED, lambda row: row.added_db)
    yield from map(line, records)


def table(records: Sequence[BlockRecord], title: str, value: Callable[[BlockRow], float | None]) -> Table:
    """One row for each block, one column for each artifact."""
    made = Table(box=None, header_style="bold", pad_edge=False, title=title, title_justify="left")
    made.add_column("block", no_wrap=True)
    for record in records:
        made.add_column(record.artifact, justify="right", overflow="fold")
    for name, rows in by_name(records):
        made.add_row(Text(name), *(Text(number(value(row) if row else None, ".1f")) for row in rows))
    return made


def by_name(records: Sequence[BlockRecord]) -> list[tuple[str, tuple[BlockRow | None, ...]]]:
    """Each block with its row of every artifact, None where that one's file lacks it."""
    known = [{row.name: row for row in record.blocks} for record in records]
    names = dict.fromkeys(row.name for record in records for row in record.blocks)
    return [(name, tuple(rows.get(name) for rows in known)) for name in names]


def line(record: BlockRecord) -> str:
    """What stands behind an artifact's column, with the three blocks that add most."""
    if record.gate == "not run":
        return f"{record.artifact}: blocks not shown: {record.reason}"
    twin = "bit-equal" if record.twin_db is None else f"{record.twin_db:.1f} dB"
    return (
        f"{record.artifact}: blocks of {record.images} tiles; twin with its blocks as outputs to the artifact: {twin}; "
        f"most is added by {', '.join(row.name for row in worst(record))}"
    )


def worst(record: BlockRecord, count: int = 3) -> list[BlockRow]:
    """The blocks that add the largest errors."""
    return sorted((row for row in record.blocks if row.added_db is not None), key=lambda row: row.added_db or 0.0)[
        :count
    ]
