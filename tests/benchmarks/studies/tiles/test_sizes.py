from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.records.latency import LatencyRecord
from benchmarks.studies.tiles.sizes import draw, frame_ms, growth, growth_table, measured, table
from dlgsanet.errors import InputError

Record = Callable[..., LatencyRecord]


def test_a_power_law_is_recovered(record: Record) -> None:
    sides = (32, 64, 128, 256)
    found = growth("e", [record(side, 1e-3 * (side * side) ** 1.2, 100 + side * side / 1e3) for side in sides])
    assert found.time == pytest.approx(1.2) and found.memory == pytest.approx(1.0)
    assert growth("e", [record(32, 1.0), record(64, 2.0)]).memory is None


def test_the_best_tile_of_a_frame_is_marked(record: Record) -> None:
    """32 pixels are faster for each pixel here, but most of them are overlap."""
    records = [record(32, 2.5), record(128, 42.0)]
    assert frame_ms(records[0]) == 2.5 * 8 * 13 and frame_ms(records[1]) == 42.0 * 2 * 3
    lines = table(records).splitlines()
    assert "**252**" in lines[3] and "260" in lines[2] and "**" not in lines[2]
    assert "| 0.95 |" in lines[2] and "| 1.00 |" in lines[3]
    assert growth_table(records).count("\n") == 2


def test_what_was_not_timed_is_left_out_and_one_tile_is_too_few(record: Record) -> None:
    missing = replace(
        record(256, 1.0), p50_ms=None, p50_low_ms=None, p50_high_ms=None, samples_ms=(), output_megapixels_per_s=None
    )
    assert [it.tile for it in measured([record(128, 2.0), record(64, 1.0), missing])["e-fp32"]] == [
        (64, 64),
        (128, 128),
    ]
    with pytest.raises(InputError, match="two tiles"):
        measured([record(64, 1.0), missing])


def test_a_picture_is_drawn(record: Record, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw([record(64, 1.0, 50.0), record(128, 5.0, 70.0)], tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
