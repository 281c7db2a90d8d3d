"""Artifacts that were timed in different runs on one machine, compared through what both runs have.

A machine is not equally fast in two runs: other work, heat, a governor. What both have, an anchor, was slowed as much,
so times are compared in times of the anchor's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.records.latency import LatencyRecord

Timed = Mapping[str, LatencyRecord]


@dataclass(frozen=True)
class Chained:
    """Artifacts of another run than the `main` one, and the anchor's record in both."""

    artifacts: tuple[str, ...]
    main: LatencyRecord
    other: LatencyRecord

    @property
    def line(self) -> str:
        """In words."""
        return (
            f"{', '.join(self.artifacts)}: timed in another run, compared through {self.main.artifact}, which both "
            f"have ({self.main.p50_ms:.1f} ms here, {self.other.p50_ms:.1f} ms there)."
        )


@dataclass(frozen=True)
class Compared:
    """`rates`: output megapixels per second of each artifact as the main run has or would have them. `apart`: those of
    runs that share nothing with it, which are not compared."""

    records: Mapping[str, LatencyRecord]
    rates: Mapping[str, float]
    chains: tuple[Chained, ...]
    apart: tuple[str, ...]

    @property
    def fastest(self) -> LatencyRecord:
        """As it was timed in its own run."""
        return self.records[max(self.rates, key=self.rates.__getitem__)]

    def lines(self) -> tuple[str, ...]:
        """What is to be said of other runs."""
        found = [chain.line for chain in self.chains]
        if self.apart:
            both = " ".join(f"--artifact {name}" for name in (self.fastest.artifact, *self.apart))
            found.append(
                f"{', '.join(self.apart)}: timed in a run that shares no artifact with this one, so not compared; "
                f"`dlgsanet bench BUNDLE {both}` does."
            )
        return tuple(found)


def compare_runs(runs: Sequence[Sequence[LatencyRecord]], wanted: Collection[str]) -> Compared | None:
    """The wanted artifacts of all runs, whose newest is the last. The main run is that with most of them, of equals the
    newest. None where none was timed and passed its gate."""
    timed: list[Timed] = [{it.artifact: it for it in run if it.samples_ms and it.gate == "pass"} for run in runs]
    mine = [{name: it for name, it in run.items() if name in wanted} for run in timed]
    at = max(range(len(runs)), key=lambda index: (len(mine[index]), index), default=None)
    if at is None or not mine[at]:
        return None
    records, rates = dict(mine[at]), {name: _rate(it) for name, it in mine[at].items()}
    chains, apart = list[Chained](), dict[str, None]()
    for run, its in sorted(zip(timed, mine, strict=True), key=lambda pair: -len(pair[1])):
        new = {name: it for name, it in its.items() if name not in records}
        if new and (anchor := _anchor(timed[at], run)):
            main, other = timed[at][anchor], run[anchor]
            records |= new
            rates |= {name: _rate(it) * _rate(main) / _rate(other) for name, it in new.items()}
            chains.append(Chained(tuple(new), main, other))
        elif new:
            apart |= dict.fromkeys(new)
    return Compared(records, rates, tuple(chains), tuple(name for name in apart if name not in records))


def _anchor(main: Timed, other: Timed) -> str | None:
    """Of what both have, that whose medians are known best."""
    return min(
        main.keys() & other.keys(), key=lambda name: (_spread(main[name]) + _spread(other[name]), name), default=None
    )


def _spread(record: LatencyRecord) -> float:
    low, middle, high = record.p50_low_ms, record.p50_ms, record.p50_high_ms
    return (high - low) / middle if low is not None and middle is not None and high is not None else 0.0


def _rate(record: LatencyRecord) -> float:
    return record.output_megapixels_per_s or 0.0
