"""What to use on one machine, or why there is no advice and what would give it."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from benchmarks.records.accuracy import AccuracyRecord
from benchmarks.records.latency import LatencyRecord, RatioRecord, to_best_torch
from benchmarks.report.advice.machines import Machine, MeasuredModel
from benchmarks.report.advice.runs import compare_runs


@dataclass(frozen=True)
class Advice:
    """The artifact to use on one machine. `like` are others that it is not separable from; `speedup` is
    against the fastest form in torch, None where none was timed or the intervals do not separate. `across`: how it was
    compared with what was timed in another run."""

    artifact: str
    latency: LatencyRecord
    accuracy: tuple[AccuracyRecord, ...]
    like: tuple[str, ...]
    speedup: RatioRecord | None
    across: tuple[str, ...] = ()


def advise(machine: Machine) -> Advice | None:
    """The fastest artifact of one model on one machine; None when none qualifies.

    Only those count that were timed there and passed every accuracy gate that was judged there. With several
    tile sizes, output megapixels per second decide. What was timed in different runs is compared by `Compared`.
    """
    passed = _passed(machine.of(AccuracyRecord))
    compared = compare_runs(machine.runs, passed)
    if compared is None:
        return None
    best = compared.fastest
    ratios = [it for it in machine.of(RatioRecord) if it.required is None]
    orders = {(it.artifact, it.other): it.order for it in ratios}
    like = [
        name
        for name in compared.rates
        if "not separable" in (orders.get((best.artifact, name)), orders.get((name, best.artifact)))
    ]
    speedup = to_best_torch(ratios).get(best.artifact)
    return Advice(
        best.artifact,
        best,
        tuple(it for it in machine.of(AccuracyRecord) if it.artifact == best.artifact),
        tuple(like),
        speedup if speedup is not None and speedup.order == "faster" else None,
        compared.lines(),
    )


def missing(machine: Machine, model: MeasuredModel, everywhere: Sequence[Machine]) -> tuple[str, ...]:
    """Why there is no advice on one machine, what is known all the same, and the command that would give it; nothing
    where nothing was measured. `machine` has the records of this model alone, `everywhere` those of all."""
    passed = _passed(machine.of(AccuracyRecord))
    judged = {it.artifact for it in machine.of(AccuracyRecord) if it.is_artifact}
    timed = {it.artifact: it for it in machine.of(LatencyRecord) if it.is_artifact and it.samples_ms}
    if passed and not (here := passed - _interpreted(machine)):
        told = f"Passed here, computed as their device would: {_names(passed)}."
        return told, f"Times come from such a device; there: {_command('bench', passed)}"
    if passed:
        lines = [f"Passed here, but not timed: {_names(here)}.", *_by_other_weights(machine, model, here, everywhere)]
        return (*lines, f"To have advice: {_command('bench', here, machine)}")
    if failed := judged & timed.keys() or (set() if timed else judged):
        return (f"Judged here: {_names(failed)}; none passed every accuracy gate.",)
    if timed:
        fastest = max(timed.values(), key=lambda it: it.output_megapixels_per_s or 0.0)
        lines = [f"Timed here, but not judged: {_names(timed)}; the fastest is {fastest.artifact} ({_ms(fastest)})."]
        for other in everywhere:
            if fastest.artifact in _passed(other.of_model(model.sha256).of(AccuracyRecord)):
                lines.append(f"That one passed on {other.label}.")
        return (*lines, f"To have advice: {_command('check', timed, machine)}")
    return ()


def _by_other_weights(
    machine: Machine, model: MeasuredModel, passed: Collection[str], everywhere: Sequence[Machine]
) -> list[str]:
    """What was timed there with other weights of the same name: a network's time does not depend on its weights."""
    here = next(it for it in everywhere if it.label == machine.label)
    others = (it for it in here.of(LatencyRecord) if it.model == model.name and it.artifact in passed and it.samples_ms)
    fastest = max(others, key=lambda it: it.output_megapixels_per_s or 0.0, default=None)
    if fastest is None:
        return []
    return [
        f"Of these, {fastest.artifact} was the fastest here with other weights of {model.name} "
        f"({fastest.model_sha256[:6]}): {_ms(fastest)}."
    ]


def _interpreted(machine: Machine) -> set[str]:
    """What no engine of its own ran there."""
    return {it.artifact for it in machine.of(AccuracyRecord) if (it.device or "").startswith(f"{it.backend}-reference")}


def _command(verb: str, artifacts: Collection[str], machine: Machine | None = None) -> str:
    """What gives the figures that lack, on that machine; on another without a name."""
    only = f" --artifact {min(artifacts)}" if len(artifacts) == 1 else ""
    environment = machine.environment if machine else None
    name = f" --machine {shlex.quote(environment.machine)}" if environment and not environment.is_unnamed else ""
    return f"`dlgsanet {verb} BUNDLE{only}{name} --json FILE.json`"


def _names(artifacts: Collection[str]) -> str:
    """At most three of them."""
    shown = sorted(artifacts)
    more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
    return ", ".join(shown[:3]) + more


def _ms(record: LatencyRecord) -> str:
    return f"{record.p50_ms:.1f} ms"


def _passed(records: Sequence[AccuracyRecord]) -> set[str]:
    """Artifacts with at least one judged gate and no other outcome than pass."""
    gates: dict[str, set[str]] = {}
    for record in records:
        if record.is_artifact:
            gates.setdefault(record.artifact, set()).add(record.gate)
    return {name for name, found in gates.items() if found == {"pass"}}
