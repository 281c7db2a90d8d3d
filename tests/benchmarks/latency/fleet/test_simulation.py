"""The simulation against what can be reckoned by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.latency.fleet.samples import JobSamples
from benchmarks.latency.fleet.simulation import FleetJob, World, simulate

EVEN = JobSamples({"m": (2.0, 2.0)}, None, ("a",))
JOB = FleetJob(pictures=3000, megapixels=0.5)
IDEAL = World(dispatch_s=0.0, start_s=0.0)


@pytest.mark.parametrize("machines", [1, 4, 30])
def test_without_any_trouble_machines_share_the_work(machines: int) -> None:
    found = simulate(EVEN, JOB, IDEAL, machines, seed=0)
    assert found.hours * 3600 == pytest.approx(3000 / machines, rel=0.025)  # the last blocks
    assert found.busy == pytest.approx(1.0, rel=0.025) and found.again == 0


def test_actors_are_as_good_as_machines() -> None:
    assert simulate(EVEN, JOB, replace(IDEAL, actors=4), 2, 0).hours == simulate(EVEN, JOB, IDEAL, 8, 0).hours


def test_the_store_bounds_any_fleet() -> None:
    job = replace(JOB, megabytes=10.0)
    found = simulate(EVEN, job, replace(IDEAL, bandwidth=100.0), 1000, 0)
    assert found.hours * 3600 == pytest.approx(300, rel=0.02) and found.store > 0.95


def test_the_driver_bounds_any_fleet() -> None:
    found = simulate(EVEN, JOB, replace(IDEAL, dispatch_s=0.1), 1000, 0)
    assert found.hours * 3600 == pytest.approx(301, rel=0.02) and found.driver > 0.95


def test_failures_cost_the_picture_that_was_begun_and_no_other() -> None:
    long = FleetJob(pictures=4000, megapixels=10)
    calm = simulate(EVEN, long, IDEAL, 4, 0)
    failing = simulate(EVEN, long, replace(IDEAL, failures=1.0), 4, 0)
    assert failing.again > 10
    assert calm.hours < failing.hours < 1.2 * calm.hours


def test_slow_machines_and_large_pictures_make_stragglers() -> None:
    uneven = JobSamples({"a": (1.0, 3.0), "b": (6.0, 2.0)}, None, ("a",))
    found = [simulate(uneven, FleetJob(300, 1.0), IDEAL, 50, seed) for seed in range(5)]
    assert len({one.hours for one in found}) > 1
    assert all(one.busy < 0.95 for one in found)
    assert simulate(uneven, FleetJob(300, 1.0), IDEAL, 50, 3) == found[3]
