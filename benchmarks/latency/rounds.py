"""`bench`: how long one tile takes, for every artifact and peer, in interleaved rounds.

Each contestant first loads and runs in a process of its own, which tells its load time, its memory and its time with
no other engine beside it, and keeps a crash away from the others; then all of them are timed here, together, so that
no pipe is in the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

from benchmarks.gates.accuracy_gates import Verdict, precision_fault
from benchmarks.gates.speed_gates import Timing, stated_ratio
from benchmarks.latency.options import MIN_RUNS, RUNS
from benchmarks.latency.roofline import limit_record
from benchmarks.latency.speed_limits import Limit
from benchmarks.records.latency import LatencyRecord, LimitRecord, PowerState, RatioRecord
from benchmarks.records.statistics import median_interval, percentile
from benchmarks.subjects.isolated_runner import EnergyAlone, IsolatedRunner, TimeAlone, tell_compiling
from benchmarks.subjects.subject import Contestant, Origin, ending
from dlgsanet.errors import EdgeError, InputError
from runtimes.machine.clock import time_interleaved
from runtimes.machine.power import Energy, governor, supply, temperatures
from runtimes.runner.contract import RunInfo, Runner
from runtimes.runner.tiling import Array, Tile
from runtimes.runner.work_by_precision import shares

WARMUP = 3
ALONE = 10
"""Runs of each in the process of its own, where no other engine is open."""


@dataclass(frozen=True)
class Timed:
    """The records of one `bench`; `crashed` are the lines of backends that crashed, `damaged` those of artifacts whose
    files are not what they should be."""

    records: tuple[LatencyRecord, ...]
    crashed: tuple[str, ...]
    damaged: tuple[str, ...] = ()
    limits: tuple[LimitRecord, ...] = ()

    @property
    def timings(self) -> list[Timing]:
        """What was really timed."""
        return [timing(it) for it in self.records if it.samples_ms]

    @property
    def missing(self) -> dict[str, str]:
        """What was not, with the reason."""
        return {it.artifact: it.reason for it in self.records if not it.samples_ms}


@dataclass(frozen=True)
class _Entry:
    """One contestant on its way: `over` says why it will not be timed."""

    contestant: Contestant
    load_ms: float | None = None
    peak_rss_mb: float | None = None
    alone_ms: tuple[float, ...] = ()
    compile_ms: float | None = None
    info: RunInfo | None = None
    mac_shares: Mapping[str, float] = field(default_factory=dict)
    over: Verdict | None = None
    crash: str | None = None
    damage: str | None = None
    run: Runner | None = None
    device_ms: Mapping[str, float] = field(default_factory=dict)
    energy: Energy | None = None


def bench(
    contestants: Sequence[Contestant],
    pictures: Mapping[Tile, Array],
    origin: Origin,
    *,
    runs: int = RUNS,
    step: Callable[[str], None] = lambda doing: None,
    limits: Sequence[Limit] = (),
    threads: int = 1,
    power_log: Path | None = None,
    metered: bool = True,
) -> Timed:
    """Measure all contestants, `runs` rounds after WARMUP; `pictures` are 1 x 3 x tile float32 in [0, 1].

    `limits` (of `threads`) take part in every round. `power_log`: see `energy_meter`; `metered`: the energy of this
    machine is that of the contestants, which no server's is. One that is not available becomes a `not run` record, one
    that crashes, is damaged or gives no picture a failed one. `step` is called before each of `steps(...)` pieces of
    work. Raises InputError for too few runs.
    """
    if runs < MIN_RUNS:
        raise InputError(f"expected at least {MIN_RUNS} runs for a 95 % interval, found {runs}")
    before, entries = temperatures(), []
    for contestant in contestants:
        step(f"{contestant.name}: loading in a process of its own")
        energy = EnergyAlone(pictures[contestant.tile], power_log) if metered else None
        entries.append(_footprint(contestant, pictures[contestant.tile], origin.scale, runs, energy))
    with ExitStack() as stack:
        opened = [_open(entry, stack, pictures[entry.contestant.tile]) for entry in entries]
        tasks = {entry.contestant.name: task for entry, task in opened if task}
        tasks |= {limit.name: limit.task for limit in limits if tasks}
        samples = time_interleaved(tasks, warmup=WARMUP, runs=runs, progress=lambda: step("timing, one round of all"))
        timed = [replace(entry, device_ms=entry.run.device_ms() if entry.run else {}) for entry, _ in opened]
    state = PowerState("", None, supply(), governor(), before, temperatures())
    records = [_record(entry, samples.get(entry.contestant.name, []), origin, state) for entry in timed]
    crashed = tuple(entry.crash for entry in timed if entry.crash)
    reached = [limit_record(limit, samples[limit.name], threads) for limit in limits if limit.name in samples]
    damaged = tuple(entry.damage for entry in timed if entry.damage)
    return Timed(tuple(records), crashed, damaged, tuple(reached))


def steps(contestants: Sequence[Contestant], runs: int = RUNS) -> int:
    """How often `bench` calls its `step`."""
    return len(contestants) + WARMUP + runs


def timing(record: LatencyRecord) -> Timing:
    """The raw times of a record."""
    return Timing(
        record.artifact, record.tile, record.samples_ms, record.alone_ms, role=record.role, backend=record.backend
    )


def compare_all(timings: Sequence[Timing], model_sha256: str) -> list[RatioRecord]:
    """Every pair of one tile size, in the order given: the ratio of times and what may be said of it."""
    # another tile is other work: their times say nothing about each other
    pairs = (pair for pair in combinations(timings, 2) if pair[0].tile == pair[1].tile)
    return [stated_ratio(one, other, model_sha256) for one, other in pairs]


def _footprint(contestant: Contestant, picture: Array, scale: int, runs: int, energy: EnergyAlone | None) -> _Entry:
    """Load and run in a child: load time, peak memory, times and energy alone, and whether it survives."""
    entry = _Entry(contestant)
    child = IsolatedRunner(contestant.name, scale, (contestant.tile,), contestant.opener)
    try:
        with child as run:
            if run.info.lacking:  # another precision would run: its time would be a false number
                return replace(entry, info=run.info, over=Verdict("not run", run.info.lacking))
            run.infer(picture)
            compiling = run.ask(tell_compiling, "telling what compiling took")
            if compiling is not None:
                entry = replace(entry, compile_ms=compiling.first_ms)
            load_ms = run.load_ms - (compiling.now_ms if compiling else 0.0)
            entry = replace(entry, load_ms=load_ms, info=run.info, peak_rss_mb=run.peak_rss_mb())
            entry = replace(entry, alone_ms=run.ask(TimeAlone(picture, WARMUP, min(runs, ALONE)), "being timed"))
            used = run.ask(energy, "measuring energy") if energy else Energy(None, "a server did the work")
            entry = replace(entry, energy=used)
            return replace(entry, mac_shares=shares(run.macs()))
    except EdgeError as error:
        return _gone(entry, error)


def _open(entry: _Entry, stack: ExitStack, picture: Array) -> tuple[_Entry, Callable[[], object] | None]:
    """Open a survivor here and run it once with all checks; the task to be timed then runs the engine
    only."""
    if entry.over is not None:
        return entry, None
    try:
        run = stack.enter_context(entry.contestant.opener())
        run.infer(picture)
    except EdgeError as error:
        return _gone(entry, error), None
    return replace(entry, info=run.info, run=run), lambda: run.infer(picture, checked=False)


def _parts(device_ms: Mapping[str, float]) -> str:
    """What the device's own clock says, in words: transfers apart from computing."""
    parts = ", ".join(f"{part} {value:.2f}" for part, value in device_ms.items())
    return f"by the device's own events, medians in ms: {parts}" if parts else ""


def _compiling(took_ms: float | None) -> str:
    return "" if took_ms is None else f"compiling took {took_ms / 1e3:.0f} s, which is in no time here"


def _gone(entry: _Entry, error: EdgeError) -> _Entry:
    end = ending(error)
    return replace(entry, over=Verdict(end.gate, str(error)), crash=end.crash, damage=end.damage)


def _power(energy: Energy | None, state: PowerState) -> PowerState | None:
    return None if energy is None else replace(state, energy_source=energy.source, joules=energy.joules)


def _record(entry: _Entry, samples: Sequence[float], origin: Origin, state: PowerState) -> LatencyRecord:
    contestant, info = entry.contestant, entry.info
    mismatch = precision_fault(info.requested_precision, info.reported_precision) if info else None
    verdict = entry.over or (Verdict("fail", mismatch) if mismatch else Verdict("pass", ""))
    record = LatencyRecord(
        artifact=contestant.name,
        role=contestant.role,
        backend=contestant.backend,
        model=origin.name,
        model_sha256=origin.sha256,
        precision=contestant.precision,
        tile=contestant.tile,
        gate=verdict.gate,
        reason=verdict.reason,
        load_ms=entry.load_ms,
        peak_rss_mb=entry.peak_rss_mb,
        device=info.device if info else None,
        reported_precision=info.reported_precision if info else None,
        threads=info.threads if info else None,
        note="; ".join(filter(None, (contestant.note, _compiling(entry.compile_ms), _parts(entry.device_ms)))),
        mac_shares=entry.mac_shares,
        compile_ms=entry.compile_ms,
        alone_ms=entry.alone_ms if samples else (),
        power=_power(entry.energy, state) if samples else None,
    )
    return with_samples(record, samples, origin.scale) if samples else record


def with_samples(record: LatencyRecord, samples: Sequence[float], scale: int) -> LatencyRecord:
    """The record with the figures of its runs, in ms; at least one."""
    median = median_interval(samples)
    pixels = record.tile[0] * record.tile[1] * scale**2
    return replace(
        record,
        p50_ms=median.value,
        p50_low_ms=median.low,
        p50_high_ms=median.high,
        p95_ms=percentile(samples, 95),
        p99_ms=percentile(samples, 99),
        samples_ms=tuple(samples),
        output_megapixels_per_s=pixels / 1e3 / median.value,
    )
