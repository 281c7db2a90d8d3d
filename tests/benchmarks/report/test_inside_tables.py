"""The pages' tables of ladder, work and blocks say what the records say."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.records.environment import describe_environment
from benchmarks.records.inside import BlockRecord, BlockRow, RungRecord
from benchmarks.records.result_file import new_result
from benchmarks.report import inside_tables
from tests.benchmarks.records.result_examples import PROTOCOL, SHA, TILE, accuracy

TOP = RungRecord(
    "whole", None, "m", SHA, TILE, "photographs", PROTOCOL, 30.0, None, None, None, None, role="reference",
    backend="torch",
)  # fmt: skip
NEXT = replace(
    TOP, step="tiled", before="whole", drop_db=0.0123, to_before_db=51.25, to_before_worst_db=None, to_top_db=51.2
)
SAME = replace(NEXT, step="copy", before="tiled", drop_db=0.0, to_before_db=None)
BLOCKS = BlockRecord(
    "a-8x8",
    "m",
    SHA,
    "photographs",
    TILE,
    1,
    "stated",
    "",
    None,
    (BlockRow("deep", 9.0, 42.04), BlockRow("sr", 1.0, None)),
    role="artifact",
    backend="a",
)
FILE = new_result(
    describe_environment("here"),
    (TOP, NEXT, SAME, BLOCKS, replace(accuracy("a-8x8"), mac_shares={"fp32": 0.6, "int8": 0.4})),
)


def test_the_ladder() -> None:
    assert inside_tables.ladder(FILE).splitlines()[2:] == [
        "| whole |  | 30.000 |  |  |  |",
        "| tiled | whole | 30.000 | +0.0123 | 51.2 / - | 51.2 |",
        "| copy | tiled | 30.000 | 0.0000 | identical | 51.2 |",
    ]


def test_blocks_and_work() -> None:
    assert inside_tables.blocks(FILE, ("deep", "sr")).splitlines() == [
        "| block | a-8x8 |", "|---|---|", "| deep | 42.0 |", "| sr | - |"
    ]  # fmt: skip
    assert "MACs: 60 % fp32, 40 % int8: a-8x8" in inside_tables.work(FILE)
