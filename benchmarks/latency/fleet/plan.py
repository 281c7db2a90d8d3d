"""How many machines: the fewest that meet the deadline in nearly every simulated run, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks.latency.fleet.options import MOST_MACHINES, FleetPlanOptions
from benchmarks.latency.fleet.samples import JobSamples, read_samples
from benchmarks.latency.fleet.simulation import Course, FleetJob, World, simulate
from dlgsanet.errors import InputError

RUNS = 5
"""Simulated runs of each size of a fleet; the slowest one must meet the deadline."""

_SHOWN = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, MOST_MACHINES)
_FULL = 0.9  # share of the time from which on a queue is what holds all up
_TAIL = 0.8  # share of the actors' time below which they wait for the last ones


@dataclass(frozen=True)
class FleetSize:
    """A fleet of so many machines: hours (median, least, most of the runs), machine-hours, kWh and money (None where
    nothing tells watts or price), how much of the machines' time computes, and what holds it up."""

    machines: int
    hours: float
    hours_low: float
    hours_high: float
    machine_hours: float
    kilowatt_hours: float | None
    money: float | None
    busy: float
    limit: str


@dataclass(frozen=True)
class FleetPlan:
    """`chosen`: the fewest machines that meet the deadline, the first row without one, None where none do."""

    samples: int
    machines_measured: int
    artifacts: tuple[str, ...]
    seconds_per_megapixel: float
    rows: tuple[FleetSize, ...]
    chosen: FleetSize | None

    def facts(self) -> dict[str, object]:
        """For programs."""
        return asdict(self)


def plan_fleet(options: FleetPlanOptions) -> FleetPlan:
    """Simulate fleets of 1 to 1,000 machines. Raises InputError for files without samples, and for a deadline that no
    such fleet meets."""
    samples = read_samples(options.results)
    rows = tuple(_row(samples, options, machines) for machines in _SHOWN)
    chosen: FleetSize | None = rows[0]
    if options.deadline is not None:
        chosen = _fewest(samples, options, options.deadline, rows)
    measured = len(samples.seconds)
    return FleetPlan(samples.count, measured, samples.artifacts, samples.mean, rows, chosen)


def require_chosen(plan: FleetPlan, options: FleetPlanOptions) -> None:
    """Raise InputError where no fleet meets the deadline."""
    if plan.chosen is None:
        best = min(plan.rows, key=lambda row: row.hours_high)
        raise InputError(
            f"no fleet of up to {MOST_MACHINES} machines meets {options.deadline:g} h: {best.machines} take "
            f"{best.hours_high:.2f} h, held up by {best.limit}"
        )


def lines(plan: FleetPlan, options: FleetPlanOptions) -> Iterator[str]:
    """For people."""
    yield (
        f"{options.pictures:,.0f} pictures of {options.megapixels:g} megapixels by {', '.join(plan.artifacts)}: "
        f"{plan.seconds_per_megapixel:.3g} s a megapixel ({plan.samples} samples, {plan.machines_measured} machines)"
    )
    yield f"{'machines':>8}  {'hours':>20}  {'machine-hours':>13}  {'kWh':>8}  {'price':>9}  busy   held up by"
    for row in plan.rows:
        span = f"{row.hours:.2f} ({row.hours_low:.2f} .. {row.hours_high:.2f})"
        energy, money = ("-" if it is None else f"{it:,.1f}" for it in (row.kilowatt_hours, row.money))
        yield (
            f"{row.machines:8d}  {span:>20}  {row.machine_hours:13,.1f}  {energy:>8}  {money:>9}  {row.busy:4.0%}   "
            f"{row.limit}"
        )
    if options.deadline is not None and plan.chosen is not None:
        took = f"{plan.chosen.hours_high:.2f} h in the worst run"
        yield f"{options.deadline:g} h need {plan.chosen.machines} machines: {took}"


def _fewest(
    samples: JobSamples, options: FleetPlanOptions, deadline: float, rows: Sequence[FleetSize]
) -> FleetSize | None:
    """By halving between the rows: more machines are never slower until the driver or the store is what counts."""
    if rows[-1].hours_high > deadline:
        return None
    best = next(row for row in rows if row.hours_high <= deadline)
    low, high = 1 + max((row.machines for row in rows if row.machines < best.machines), default=0), best.machines
    while low < high:
        middle = (low + high) // 2
        row = _row(samples, options, middle)
        if row.hours_high <= deadline:
            high, best = middle, row
        else:
            low = middle + 1
    return best


def _row(samples: JobSamples, options: FleetPlanOptions, machines: int) -> FleetSize:
    job = FleetJob(options.pictures, options.megapixels, options.megabytes)
    world = World(options.actors, options.bandwidth, options.failures / 24)
    runs = [simulate(samples, job, world, machines, seed) for seed in range(RUNS)]
    hours = [run.hours for run in runs]
    middle = float(np.median(hours))
    spent = middle * machines
    watts = _watts(samples, options)
    return FleetSize(
        machines,
        middle,
        min(hours),
        max(hours),
        spent,
        None if watts is None else spent * watts / 1e3,
        None if options.price is None else spent * options.price,
        float(np.median([run.busy for run in runs])),
        _limit(runs),
    )


def _watts(samples: JobSamples, options: FleetPlanOptions) -> float | None:
    """Of a machine at work: as given, or as measured: joules of a megapixel by its seconds, for each actor."""
    if options.watts is not None or samples.joules is None:
        return options.watts
    return samples.joules / samples.mean * options.actors


def _limit(runs: list[Course]) -> str:
    if np.median([run.store for run in runs]) >= _FULL:
        return "the store's bandwidth"
    if np.median([run.driver for run in runs]) >= _FULL:
        return "the driver, which hands out the work"
    return "starting, and the last pictures" if np.median([run.busy for run in runs]) < _TAIL else "computing"
