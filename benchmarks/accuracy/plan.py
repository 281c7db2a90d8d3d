"""The plan of `check`: what its options make of a bundle and data. Nothing runs here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

from benchmarks.accuracy.blocks import Look, block_names
from benchmarks.accuracy.options import CheckOptions
from benchmarks.accuracy.verdicts import require_limit
from benchmarks.gates.limits import DEFAULT, LimitTable, read_limits
from benchmarks.records.accuracy import DatasetNote
from benchmarks.records.result_file import require_place
from benchmarks.subjects.datasets import (
    Dataset,
    open_folder,
    open_pack,
    open_photographs,
    open_shipped,
    refuse_calibrated,
)
from benchmarks.subjects.isolated_runner import IsolatedRunner
from benchmarks.subjects.onnx_pair import PairQuestion, open_pair
from benchmarks.subjects.reference import ReferenceOutputs, open_reference
from benchmarks.subjects.served import NOTE, ServedArtifact, plan_served
from benchmarks.subjects.subject import Origin, Subject, origin_of
from benchmarks.subjects.torch_peers import ArrayStep, reference_steps
from dlgsanet.errors import EdgeError, InputError, UnavailableError, unknown
from runtimes import open_runner
from runtimes.backends.interface.backend import Judge
from runtimes.backends.registry import find_backend, judges
from runtimes.bundle.artifact_facts import Shown
from runtimes.bundle.foreign import ONE, ZERO
from runtimes.bundle.manifest import LOW_RANK, PRECISIONS, Artifact, Manifest, choose, read_manifest
from runtimes.runner.contract import Runner, RunOptions
from runtimes.runner.ports import PICTURES


@dataclass(frozen=True)
class CheckPlan:
    """A `check` whose bundle, data and reference are there; its runners are not open yet.

    `looks` and `network` are empty where blocks were not asked for.
    """

    options: CheckOptions
    artifacts: tuple[Artifact, ...]
    origin: Origin
    dataset: Dataset
    reference: ReferenceOutputs
    subjects: tuple[Subject, ...]
    looks: tuple[Look, ...]
    network: tuple[ArrayStep, ...]
    limits: LimitTable
    notes: tuple[str, ...] = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """Beginnings of the names that must run here."""
        if self.options.server is not None:
            return tuple(subject.artifact for subject in self.subjects)
        return self.options.artifacts

    @property
    def note(self) -> DatasetNote:
        """The data, as the result file names them."""
        return self.dataset.note


def plan_check(options: CheckOptions) -> CheckPlan:
    """Read what is to be checked and on what. Raises InputError for options, a bundle or data that cannot be used."""
    require_limit(options.max_drop_db)
    limits = DEFAULT if options.limits is None else read_limits(options.limits)
    if options.json is not None:
        require_place(options.json)
    if misplaced := options.misplaced():
        what, other = ("an ONNX file", "a bundle") if options.of_files else ("a bundle", "an ONNX file")
        raise InputError(f"{misplaced[0]} is for {other}, and {options.bundle.name} is {what}: leave it out")
    return _plan_pair(options, limits) if options.of_files else _plan_bundle(options, limits)


def _plan_pair(options: CheckOptions, limits: LimitTable) -> CheckPlan:
    if options.reference is None:
        raise InputError(
            f"expected --reference FILE, the network that {options.bundle.name} should be, found none; without one: "
            f"dlgsanet export {options.bundle.name} -o bundle"
        )
    if options.precision not in (None, *PRECISIONS):
        raise unknown("precision", options.precision, PRECISIONS)
    run = RunOptions(options.device, options.threads, resting=True)
    pair = open_pair(
        PairQuestion(
            *(options.bundle, options.reference, options.tile, options.precision, options.top, options.channels),
            *(run, options.mean or ZERO, options.deviation or ONE),
        )
    )
    dataset = open_data(options, pair.origin.scale) or open_shipped(pair.origin.scale)
    notes = (*pair.notes, *dataset.notes)
    return CheckPlan(options, (), pair.origin, dataset, pair.reference, (pair.subject,), (), (), limits, notes)


def _plan_bundle(options: CheckOptions, limits: LimitTable) -> CheckPlan:
    manifest = read_manifest(options.bundle)
    artifacts = choose(manifest, options.artifacts)
    served = plan_served(options.server, options.served_name, options.bundle, artifacts, options.for_engines_here())
    dataset = open_data(options, manifest.scale) or open_pack(options.bundle, manifest)
    refuse_calibrated(dataset, manifest)
    reference = open_reference(options.bundle, manifest, dataset, options.threads)
    judged = [pair for artifact in artifacts for pair in _judged(artifact, options)]
    subjects = [_subject(artifact, judge, manifest.scale, options) for artifact, judge in judged]
    if served is not None:
        subjects = [_served_subject(served, manifest.scale)]
    looks: Sequence[Look] = ()
    network: Sequence[ArrayStep] = ()
    if options.blocks:
        require_blocks(manifest)
        looks = [_look(*pair, subject, options) for pair, subject in zip(judged, subjects, strict=True)]
        network = reference_steps(options.bundle, manifest, options.threads)
    return CheckPlan(
        options,
        tuple(artifacts),
        origin_of(manifest),
        dataset,
        reference,
        tuple(subjects),
        tuple(looks),
        tuple(network),
        limits,
        dataset.notes,
    )


def looks_at(plan: CheckPlan, names: Collection[str]) -> tuple[tuple[Look, ...], tuple[ArrayStep, ...]]:
    """How to look into these subjects of a plan, unasked; nothing where the network names no blocks, or its reference
    cannot be run here step by step."""
    options = plan.options
    if options.of_files or options.server is not None:
        return (), ()
    manifest = read_manifest(options.bundle)
    if manifest.source.foreign:
        return (), ()
    try:
        network = reference_steps(options.bundle, manifest, options.threads)
    except UnavailableError:
        return (), ()
    judged = [pair for artifact in plan.artifacts for pair in _judged(artifact, options)]
    pairs = zip(judged, plan.subjects, strict=True)
    return tuple(_look(*pair, subject, options) for pair, subject in pairs if subject.artifact in names), tuple(network)


def require_blocks(manifest: Manifest) -> None:
    """Raise InputError where the network names no blocks to look at."""
    if manifest.source.foreign:
        raise InputError(f"--blocks looks at the blocks of DLGSANet, and {manifest.name} names none: leave it out")


def open_data(options: CheckOptions, scale: int) -> Dataset | None:
    """The data set that was asked for; None where it is for the plan to choose."""
    if options.data is not None and options.photographs:
        raise InputError("expected --data or --photographs, found both; give one")
    if options.data is not None:
        return open_folder(options.data, scale)
    return open_photographs(scale) if options.photographs else None


def _judged(artifact: Artifact, options: CheckOptions) -> list[tuple[Artifact, Judge]]:
    """The artifact on its engine, or each of its files by what stands in for it here."""
    found = judges(artifact, options.device) or (Judge(artifact.id, options.device, ""),)
    notes = [judge.note for judge in found]
    if notes[0] and (known := _described(artifact, options)):
        notes[0] += f"; {known}"
    return [(artifact, replace(judge, note=note)) for judge, note in zip(found, notes, strict=True)]


def _described(artifact: Artifact, options: CheckOptions) -> str | None:
    """What else is known of it; what is wrong with its files is for its runner to say."""
    try:
        return find_backend(artifact.backend).describe(options.bundle, artifact)
    except EdgeError:
        return None


def _subject(artifact: Artifact, judge: Judge, scale: int, options: CheckOptions) -> Subject:
    runner = _runner(artifact, judge, scale, options)
    return Subject(
        judge.name,
        artifact.precision,
        artifact.tile,
        runner,
        approximate=_drops_something(artifact),
        pictures=artifact.output.layout in PICTURES,
        note=judge.note,
        interpreted=bool(judge.note),
        role="artifact",
        backend=artifact.backend,
        birth=_birth(artifact, options),
    )


def _served_subject(served: ServedArtifact, scale: int) -> Subject:
    """Without birth figures: those are of the engine that the bundle was made with."""
    artifact = served.artifact
    return Subject(
        served.name,
        artifact.precision,
        artifact.tile,
        IsolatedRunner(served.name, scale, (artifact.tile,), served.opener),
        approximate=_drops_something(artifact),
        note=NOTE,
        role="artifact",
        backend=served.backend,
    )


def _drops_something(artifact: Artifact) -> bool:
    return LOW_RANK in (artifact.variant or "").split("-")


def _birth(artifact: Artifact, options: CheckOptions) -> tuple[Shown, ...]:
    """What it showed of the bundle's own pack; nothing where other pictures are judged."""
    own = options.data is None and not options.photographs
    return artifact.birth.shown if own and artifact.birth else ()


def _look(artifact: Artifact, judge: Judge, subject: Subject, options: CheckOptions) -> Look:
    names = block_names(artifact.graph)
    if names is None:
        return Look(subject, None, None)
    taps = tuple(names.tensors.values())
    return Look(subject, _runner(artifact, judge, subject.runner.scale, options, taps), names)


def _runner(artifact: Artifact, judge: Judge, scale: int, options: CheckOptions, taps: tuple[str, ...] = ()) -> Runner:
    threads = options.threads
    opener = partial(
        open_runner, options.bundle, artifact.id, device=judge.device, threads=threads, taps=taps, resting=True
    )
    return IsolatedRunner(judge.name, scale, (artifact.tile,), opener)
