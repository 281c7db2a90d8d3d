"""Results of many files put together by machine and model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.records.accuracy import AccuracyRecord, DatasetNote
from benchmarks.records.environment import Environment
from benchmarks.records.latency import JobRecord, LatencyRecord, LimitRecord, PlaneRecord
from benchmarks.records.pictures import Crop, ErrorMap
from benchmarks.records.result_file import R, Record, ResultFile, figure


@dataclass(frozen=True)
class Machine:
    """One environment and all that was measured in it, the newest of each figure. `notes`: which results were counted
    to it, or why it stands apart from another. `runs`: what was timed together, the newest last."""

    label: str
    environments: tuple[Environment, ...]
    records: tuple[Record, ...]
    notes: tuple[str, ...] = ()
    runs: tuple[tuple[LatencyRecord, ...], ...] = ()

    @property
    def environment(self) -> Environment:
        """The environment, with the packages of all files: those of further files lack some, and else differ in
        circumstances only."""
        packages = {name: version for it in reversed(self.environments) for name, version in it.packages.items()}
        return replace(self.environments[0], packages=packages)

    def of(self, kind: type[R]) -> tuple[R, ...]:
        """The records of one kind."""
        return tuple(record for record in self.records if isinstance(record, kind))

    def of_model(self, sha256: str) -> Machine:
        """The same machine with the records of one model, and those of no model."""
        kept = (it for it in self.records if isinstance(it, LimitRecord | PlaneRecord) or it.model_sha256 == sha256)
        runs = (tuple(it for it in run if it.model_sha256 == sha256) for run in self.runs)
        return replace(self, records=tuple(kept), runs=tuple(run for run in runs if run))


@dataclass(frozen=True)
class MeasuredModel:
    """One checkpoint with its crops and error maps."""

    name: str
    sha256: str
    crops: tuple[Crop, ...]
    error_maps: tuple[ErrorMap, ...] = ()


def machines(files: Sequence[ResultFile]) -> list[Machine]:
    """Files of one environment become one machine; of a figure measured twice the newest stands.

    Results of one machine that differ in nothing but packages that were not installed are counted together, and results
    without --machine to the one named machine that they fit.
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


def _joined(groups: Sequence[list[ResultFile]]) -> list[list[ResultFile]]:
    """Groups of one machine together, then those of no name with the named one that they fit, if it is one."""
    by_name: list[list[ResultFile]] = []
    for group in groups:
        mine = group[0].environment
        _add(group, [it for it in by_name if it[0].environment.machine == mine.machine and _fits(mine, it)], by_name)
    named = [group for group in by_name if not group[0].environment.is_unnamed]
    joined: list[list[ResultFile]] = []
    for group in by_name:
        mine = group[0].environment
        _add(group, [it for it in named if mine.is_unnamed and _fits(mine, it)], joined)
    return joined


def _add(group: list[ResultFile], same: Sequence[list[ResultFile]], groups: list[list[ResultFile]]) -> None:
    if len(same) == 1:
        same[0].extend(group)
    else:
        groups.append(group)


def _fits(environment: Environment, group: Sequence[ResultFile]) -> bool:
    return all(environment.lacking(result.environment) is not None for result in group)


def _apart(machine: Machine, others: Sequence[Machine]) -> list[str]:
    """Why it was not joined with another of its name, or with a named one where it has none."""
    notes = []
    for other in others:
        one, two = other.environment, machine.environment
        if one.machine == two.machine or (one.is_unnamed != two.is_unnamed and one.cpu == two.cpu):
            why = "; ".join(one.differences(two)) or "more than one --machine fits, name it when measuring"
            notes.append(f"not joined with {other.label}: {why}")
    return notes


def _machine(group: Sequence[ResultFile]) -> Machine:
    """The environments begin with the one that names it; later records replace earlier ones."""
    environments = sorted((result.environment for result in group), key=lambda it: it.is_unnamed)
    by_time = sorted(group, key=lambda it: it.created)
    newest = {figure(record): record for result in by_time for record in result.records}
    unnamed = sum(it.is_unnamed for it in environments)
    notes = []
    if unnamed and not environments[0].is_unnamed:
        files = f"{unnamed} result file{'s' if unnamed > 1 else ''}"
        notes.append(f"{files} without --machine counted to it: nothing else differs")
    if lacking := sorted({name for it in environments for name in environments[0].lacking(it) or []}):
        notes.append(f"counted to it are results without {', '.join(lacking)}: what is not installed computed none")
    runs = tuple(run for result in by_time if (run := result.of(LatencyRecord)))
    return Machine(environments[0].machine, tuple(environments), tuple(newest.values()), tuple(notes), runs)


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
