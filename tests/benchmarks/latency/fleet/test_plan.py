from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.latency.fleet.options import FleetPlanOptions
from benchmarks.latency.fleet.plan import plan_fleet
from dlgsanet.__main__ import main
from runtimes.upscale.fleet.record import FileOutcome, recording


@pytest.fixture
def record(tmp_path: Path) -> Path:
    place = tmp_path / "record.jsonl"
    with recording(place) as write:
        for i in range(20):
            write(FileOutcome("a", "b", "done", "x-fp32", "fp32", f"m{i % 2}", 0.9 + 0.01 * i, 1.0))
    return place


def options(record: Path, **others: object) -> FleetPlanOptions:
    return FleetPlanOptions(results=(record,), pictures=3600, megapixels=1.0, **others)  # type: ignore[arg-type]


def test_the_fewest_machines_that_meet_the_deadline(record: Path) -> None:
    chosen = plan_fleet(options(record, deadline=0.1)).chosen
    assert chosen is not None and 10 <= chosen.machines <= 13 and chosen.hours_high <= 0.1


def test_energy_and_money_follow_from_machine_hours(record: Path) -> None:
    row = plan_fleet(options(record, watts=100.0, price=0.5)).rows[2]
    assert row.machines == 4 and row.machine_hours == pytest.approx(4 * row.hours)
    assert row.kilowatt_hours == pytest.approx(row.machine_hours * 0.1)
    assert row.money == pytest.approx(row.machine_hours * 0.5)


def test_it_says_what_holds_a_fleet_up(record: Path) -> None:
    rows = plan_fleet(options(record, megabytes=10.0, bandwidth=100.0)).rows
    assert rows[0].limit == "computing" and rows[-1].limit == "the store's bandwidth"


def test_the_verb(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["fleet-plan", str(record), "--pictures", "3600", "--megapixels", "1"]
    assert main([*asked, "--deadline", "6min", "--price", "1"]) == 0
    assert "0.1 h need" in capsys.readouterr().out
    assert main([*asked, "--deadline", "10s"]) == 2
    assert "no fleet of up to 1000 machines" in capsys.readouterr().err
    assert main([*asked, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 11
    assert main([*asked, "--deadline", "soon"]) == 2
