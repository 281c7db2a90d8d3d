from __future__ import annotations

import pytest

from runtimes.upscale.fleet.estimate import SAMPLE, estimate, sample
from runtimes.upscale.fleet.items import FleetItem
from runtimes.upscale.fleet.record import DONE, FAILED, FileOutcome


def outcome(seconds: float, status: str = DONE) -> FileOutcome:
    return FileOutcome("a", "b", status, "x", "fp32", "m", seconds)


def test_the_sample_has_the_smallest_and_the_largest() -> None:
    items = [FleetItem(str(size), str(size), size) for size in range(1000)]
    found = sample(items)
    assert len(found) == SAMPLE and found[0].size == 0 and found[-1].size == 999
    assert sample(items[:3]) == items[:3]


def test_hours_follow_from_files_actors_and_spread() -> None:
    found = estimate([outcome(1.0), outcome(3.0), outcome(100.0, FAILED)], files=3600, actors=2)
    assert found.seconds == 2.0 and found.hours == pytest.approx(1.0) and found.failed == 1
    assert found.hours_low < found.hours < found.hours_high
    assert "3600 files on 2 actors: about 1.0 h" in found.line() and "1 of the sample failed" in found.line()


def test_one_file_has_no_spread() -> None:
    found = estimate([outcome(2.0)], files=1, actors=1)
    assert found.hours_low == found.hours == found.hours_high
