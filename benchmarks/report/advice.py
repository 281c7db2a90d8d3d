"""Results of many files put together by machine and model, and the advice: what to use where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.records.accuracy import AccuracyRecord, DatasetNote
from benchmarks.records.environment import Environment
from benchmarks.records.latency import JobRecord, LatencyRecord, LimitRecord, PlaneRecord, RatioRecord, to_best_torch
from benchmarks.records.pictures import Crop, ErrorMap
from benchmarks.records.result_file import R, Record, ResultFile, figure


@dataclass(frozen=True)
class Machine:
    """One environment and all that was measured in it, the newest of each figure. `notes`: which results without a
    name were counted to it, or why it stands apart from another."""

    label: str
    environments: tuple[Environment, ...]
    records: tuple[Record, ...]
    notes: tuple[str, ...] = ()

    @property
    def environment(self) -> Environment:
        """The environment; those of further files differ in circumstances only."""
        return self.environments[0]

    def of(self, kind: type[R]) -> tuple[R, ...]:
        """The records of one kind."""
        return tuple(record for record in self.records if isinstance(record, kind))

    def of_model(self, sha256: str) -> Machine:
        """The same machine with the records of one model, and those of no model."""
        kept = (it for it in self.records if isinstance(it, LimitRecord | PlaneRecord) or it.model_sha256 == sha256)
        return replace(self, records=tuple(kept))


@dataclass(frozen=True)
class Advice:
    """The artifact to use on one machine. `like` are others that it is not separable from; `speedup` is
    against the fastest form in torch, None where none was timed or the intervals do not separate."""

    artifact: str
    latency: LatencyRecord
    accuracy: tuple[AccuracyRecord, ...]
    like: tuple[str, ...]
    speedup: RatioRecord | None


@dataclass(frozen=True)
class MeasuredModel:
    """One checkpoint with its crops and error maps."""

    name: str
    sha256: str
    crops: tuple[Crop, ...]
    error_maps: tuple[ErrorMap, ...] = ()


def machines(files: Sequence[ResultFile]) -> list[Machine]:
    """Files of one environment become one machine; of a figure measured twice the newest stands.

    Results without --machine are counted to the one named machine that differs in nothing else.
    """
    grouped: dict[tuple[object, ...], list[ResultFile]] = {}
    for result in sorted(files, key=lambda it: it.created):
        grouped.setdefault(result.environment.identity(), []).append(result)
    found = [_machine(group) for group in _joined(list(grouped.values()))]
    labels = [machine.label for machine in found]
    numbered = [
        replace(it, label=f"{it.label} ({labels[: i + 1].count(it.label)})") if labels.count(it.label) > 1 else it
        for i, it in enumerate(found)
    ]
    return [replace(it, notes=(*it.notes, *_apart(it, numbered[:i]))) for i, it in enumerate(numbered)]


def _joined(groups: list[list[ResultFile]]) -> list[list[ResultFile]]:
    named = [group for group in groups if not group[0].environment.is_unnamed]
    kept = []
    for group in groups:
        mine = group[0].environment
        same = [it for it in named if mine.is_unnamed and not mine.differences(it[0].environment)]
        if len(same) == 1:
            same[0].extend(group)
        else:
            kept.append(group)
    return kept


def _apart(machine: Machine, others: Sequence[Machine]) -> list[str]:
    """Why it was not joined with another of its name, or with a named one where it has none."""
    notes = []
    for other in others:
        one, two = other.environment, machine.environment
        if one.machine == two.machine or (one.is_unnamed != two.is_unnamed and one.cpu == two.cpu):
            why = "; ".join(one.differences(two)) or "more than one --machine fits, name it when measuring"
            notes.append(f"not joined with {other.label}: {why}")
    return notes


def models(files: Sequence[ResultFile]) -> list[MeasuredModel]:
    """The checkpoints that were measured, in the order of their names."""
    names: dict[str, str] = {}
    for result in files:
        for record in (*result.of(AccuracyRecord), *result.of(LatencyRecord), *result.of(JobRecord)):
            names.setdefault(record.model_sha256, record.model)
    crops = [crop for result in files for crop in result.crops]
    maps = {(it.artifact, it.dataset, it.image, it.model_sha256): it for result in files for it in result.error_maps}
    found = [
        MeasuredModel(
            name,
            sha,
            tuple(crop for crop in crops if crop.model_sha256 == sha),
            tuple(it for it in maps.values() if it.model_sha256 == sha),
        )
        for sha, name in names.items()
    ]
    return sorted(found, key=lambda model: (model.name, model.sha256))


def datasets(files: Sequence[ResultFile]) -> list[DatasetNote]:
    """Every data set once."""
    found = {note.sha256 + note.lr_source: note for result in files for note in result.datasets}
    return sorted(found.values(), key=lambda note: note.name)


def advise(machine: Machine) -> Advice | None:
    """The fastest artifact of one model on one machine; None when none qualifies.

    Only those count that were timed there and passed every accuracy gate that was judged there. With several
    tile sizes, output megapixels per second decide.
    """
    passed = _passed(machine.of(AccuracyRecord))
    timed = [it for it in machine.of(LatencyRecord) if it.artifact in passed and it.gate == "pass" and it.samples_ms]
    if not timed:
        return None
    best = max(timed, key=lambda it: it.output_megapixels_per_s or 0.0)
    ratios = [it for it in machine.of(RatioRecord) if it.required is None]
    orders = {(it.artifact, it.other): it.order for it in ratios}
    like = [
        it.artifact
        for it in timed
        if it is not best
        and "not separable" in (orders.get((best.artifact, it.artifact)), orders.get((it.artifact, best.artifact)))
    ]
    speedup = to_best_torch(ratios).get(best.artifact)
    return Advice(
        best.artifact,
        best,
        tuple(it for it in machine.of(AccuracyRecord) if it.artifact == best.artifact),
        tuple(like),
        speedup if speedup is not None and speedup.order == "faster" else None,
    )


def _passed(records: Sequence[AccuracyRecord]) -> set[str]:
    """Artifacts with at least one judged gate and no other outcome than pass."""
    gates: dict[str, set[str]] = {}
    for record in records:
        if record.is_artifact:
            gates.setdefault(record.artifact, set()).add(record.gate)
    return {name for name, found in gates.items() if found == {"pass"}}


def _machine(group: Sequence[ResultFile]) -> Machine:
    """The environments begin with the one that names it; later records replace earlier ones."""
    environments = sorted((result.environment for result in group), key=lambda it: it.is_unnamed)
    by_time = sorted(group, key=lambda it: it.created)
    newest = {figure(record): record for result in by_time for record in result.records}
    unnamed = sum(it.is_unnamed for it in environments)
    counted = f"{unnamed} result file{'s' if unnamed > 1 else ''} without --machine counted to it: nothing else differs"
    notes = (counted,) if unnamed and not environments[0].is_unnamed else ()
    return Machine(environments[0].machine, tuple(environments), tuple(newest.values()), notes)
