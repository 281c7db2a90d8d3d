"""What a fleet costs, read from the times of its results. The way itself: `make test-fleet`."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.studies.upscale.fleet import (
    WAIT_S,
    FleetActors,
    FleetNodes,
    FleetStart,
    NodesRow,
    Waiting,
    actors_line,
    nodes_table,
    rate,
    simulated,
    start_line,
)
from runtimes.upscale.fleet.record import FileOutcome
from runtimes.upscale.fleet.store import Store
from runtimes.upscale.fleet.worker import Task
from runtimes.upscale.options import UpscaleOptions


def test_a_rate_leaves_out_the_start(tmp_path: Path) -> None:
    for i, second in enumerate((0, 30, 60, 61, 62, 63, 64, 65)):  # the other one joins late
        (tmp_path / f"{i}.png").touch()
        os.utime(tmp_path / f"{i}.png", (second, second))
    assert rate(tmp_path, 1) == 1.0


def test_the_simulation_knows_the_wait_and_the_start() -> None:
    assert 20 * WAIT_S + 5 < simulated(1, 20, 5.0) < 20 * WAIT_S + 6
    assert simulated(4, 20, 5.0) < simulated(2, 20, 5.0) < simulated(1, 20, 5.0)


def test_a_wait_is_a_picture() -> None:
    options = UpscaleOptions(inputs=(Path("in"),), output=Path("out"))
    row = Waiting(Task({}, {}, options, Store("in"), Store("out")))({"source": "a", "target": "b"})
    assert FileOutcome(**row).target == "b"  # type: ignore[arg-type]


def test_lines_say_the_ratio() -> None:
    rows = (NodesRow(1, 61, 5.2, 17.2, 17.0), NodesRow(3, 61, 6.2, 10.2, 10.1))
    lines = nodes_table(FleetNodes("M", 0.2, 1, rows)).splitlines()
    assert lines[2] == "| 1 | 5.2 | 17.2 | 17.0 | 5.00 | **1.00** |" and "**2.90**" in lines[3]
    assert lines[-1].endswith("on M, one round.")
    assert "**0.95** times" in actors_line(FleetActors("M", "a", 40, (2.0, 1.0), (1.5, 1.35)))
    assert "**9.0 s**" in start_line(FleetStart("M", "a", 10_000, (8.0, 9.0, 20.0)))
    assert "medians of 3 rounds" in start_line(FleetStart("M", "a", 10_000, (8.0, 9.0, 20.0)))
