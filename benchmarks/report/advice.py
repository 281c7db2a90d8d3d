"""Results of many files put together by machine and model, and the advice: what to use where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.records.accuracy import AccuracyRecord, DatasetNote
from benchmarks.records.environment import Environment
from benchmarks.records.inside import BlockRecord, DiagnosisRecord, RungRecord
from benchmarks.records.latency import LatencyRecord, RatioRecord
from benchmarks.records.made_of import KernelRecord, LayersRecord
from benchmarks.records.pictures import Crop, ErrorMap
from benchmarks.records.result_file import ResultFile


@dataclass(frozen=True)
class Machine:
    """One environment and all that was measured in it, the newest figure of each kind."""

    label: str
    environments: tuple[Environment, ...]
    accuracy: tuple[AccuracyRecord, ...]
    latency: tuple[LatencyRecord, ...]
    ratios: tuple[RatioRecord, ...]
    rungs: tuple[RungRecord, ...] = ()
    diagnoses: tuple[DiagnosisRecord, ...] = ()
    blocks: tuple[BlockRecord, ...] = ()
    engines: tuple[KernelRecord, ...] = ()
    layers: tuple[LayersRecord, ...] = ()

    @property
    def environment(self) -> Environment:
        """The environment; those of further files differ in circumstances only."""
        return self.environments[0]

    def of_model(self, sha256: str) -> Machine:
        """The same machine with the records of one model only."""
        return replace(
            self,
            accuracy=tuple(it for it in self.accuracy if it.model_sha256 == sha256),
            latency=tuple(it for it in self.latency if it.model_sha256 == sha256),
            ratios=tuple(it for it in self.ratios if it.model_sha256 == sha256),
            rungs=tuple(it for it in self.rungs if it.model_sha256 == sha256),
            diagnoses=tuple(it for it in self.diagnoses if it.model_sha256 == sha256),
            blocks=tuple(it for it in self.blocks if it.model_sha256 == sha256),
            engines=tuple(it for it in self.engines if it.model_sha256 == sha256),
            layers=tuple(it for it in self.layers if it.model_sha256 == sha256),
        )


@dataclass(frozen=True)
class Advice:
    """The artifact to use on one machine. `like` are others that it is not separable from; `speedup` is
    against the official form in torch, None where that was not timed or the intervals do not separate."""

    artifact: str
    latency: LatencyRecord
    accuracy: tuple[AccuracyRecord, ...]
    like: tuple[str, ...]
    speedup: RatioRecord | None


@dataclass(frozen=True)
class Model:
    """One checkpoint with its crops and error maps."""

    name: str
    sha256: str
    crops: tuple[Crop, ...]
    error_maps: tuple[ErrorMap, ...] = ()


def machines(files: Sequence[ResultFile]) -> list[Machine]:
    """Files of one environment become one machine; of a figure measured twice the newest stands."""
    grouped: dict[tuple[object, ...], list[ResultFile]] = {}
    for result in sorted(files, key=lambda it: it.created):
        grouped.setdefault(result.environment.identity(), []).append(result)
    found = [_machine(group) for group in grouped.values()]
    labels = [machine.label for machine in found]
    return [
        replace(it, label=f"{it.label} ({labels[: i + 1].count(it.label)})") if labels.count(it.label) > 1 else it
        for i, it in enumerate(found)
    ]


def models(files: Sequence[ResultFile]) -> list[Model]:
    """The checkpoints that were measured, in the order of their names."""
    names: dict[str, str] = {}
    for result in files:
        for accuracy in result.accuracy:
            names.setdefault(accuracy.model_sha256, accuracy.model)
        for latency in result.latency:
            names.setdefault(latency.model_sha256, latency.model)
    crops = [crop for result in files for crop in result.crops]
    maps = {(it.artifact, it.dataset, it.image, it.model_sha256): it for result in files for it in result.error_maps}
    found = [
        Model(
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
    passed = _passed(machine.accuracy)
    timed = [it for it in machine.latency if it.artifact in passed and it.gate == "pass" and it.samples_ms]
    if not timed:
        return None
    best = max(timed, key=lambda it: it.output_megapixels_per_s or 0.0)
    orders = {(it.artifact, it.other): it.order for it in machine.ratios if it.required is None}
    like = [
        it.artifact
        for it in timed
        if it is not best
        and "not separable" in (orders.get((best.artifact, it.artifact)), orders.get((it.artifact, best.artifact)))
    ]
    return Advice(
        best.artifact,
        best,
        tuple(it for it in machine.accuracy if it.artifact == best.artifact),
        tuple(like),
        _speedup(machine, best.artifact),
    )


def _passed(records: Sequence[AccuracyRecord]) -> set[str]:
    """Artifacts with at least one judged gate and no other outcome than pass."""
    gates: dict[str, set[str]] = {}
    for record in records:
        if record.is_artifact:
            gates.setdefault(record.artifact, set()).add(record.gate)
    return {name for name, found in gates.items() if found == {"pass"}}


def _speedup(machine: Machine, artifact: str) -> RatioRecord | None:
    for ratio in machine.ratios:
        pair = ratio.artifact == artifact and ratio.other_identity.is_baseline
        if pair and ratio.required is None and ratio.order == "faster":
            return ratio
    return None


def _machine(group: Sequence[ResultFile]) -> Machine:
    """`group` is sorted by time, so later records replace earlier ones."""
    accuracy = {(it.artifact, it.protocol, it.model_sha256): it for result in group for it in result.accuracy}
    latency = {(it.artifact, it.model_sha256): it for result in group for it in result.latency}
    ratios = {(it.artifact, it.other, it.model_sha256, it.required): it for result in group for it in result.ratios}
    rungs = {(it.step, it.protocol, it.model_sha256): it for result in group for it in result.rungs}
    diagnoses = {(it.artifact, it.protocol, it.model_sha256): it for result in group for it in result.diagnoses}
    blocks = {(it.artifact, it.dataset, it.model_sha256): it for result in group for it in result.blocks}
    engines = {(it.artifact, it.sm, it.model_sha256): it for result in group for it in result.engines}
    layers = {(it.artifact, it.model_sha256): it for result in group for it in result.layers}
    return Machine(
        group[0].environment.machine,
        tuple(result.environment for result in group),
        tuple(accuracy.values()),
        tuple(latency.values()),
        tuple(ratios.values()),
        tuple(rungs.values()),
        tuple(diagnoses.values()),
        tuple(blocks.values()),
        tuple(engines.values()),
        tuple(layers.values()),
    )
