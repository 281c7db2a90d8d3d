"""The verb `check`: from a bundle and a choice of data to records, a table and the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rich.text import Text

from benchmarks.accuracy.blocks import Look, block_names, count_steps, measure_blocks
from benchmarks.accuracy.check import Checked, check, steps
from benchmarks.accuracy.engine_kernels import kernel_records
from benchmarks.accuracy.int8_layers import layers_line, layers_records
from benchmarks.accuracy.verdicts import Model, Subject
from benchmarks.records.accuracy import AccuracyRecord, DatasetNote
from benchmarks.records.environment import describe_environment
from benchmarks.records.inside import BlockRecord
from benchmarks.records.result_file import Record, new_result, require_place, write_result
from benchmarks.report import terminal as show
from benchmarks.report import terminal_blocks as show_blocks
from benchmarks.subjects.datasets import Dataset, open_folder, open_pack, open_photographs
from benchmarks.subjects.isolated_runner import IsolatedRunner
from benchmarks.subjects.reference import open_reference
from benchmarks.subjects.torch_peers import reference_steps
from dlgsanet.errors import BackendError, GateError, InputError, UnavailableError, unknown
from dlgsanet.imaging.files import read_rgb8
from dlgsanet.imaging.pixel_hash import content_hash
from runtimes import open_runner
from runtimes.backends.coreml.mil.neural_engine_card import card
from runtimes.backends.coreml.reference import read_package
from runtimes.backends.references import Judge, judges
from runtimes.bundle.manifest import Artifact, Manifest, read_manifest
from runtimes.runner.contract import Runner
from runtimes.runner.ports import PICTURE


@dataclass(frozen=True)
class CheckOptions:
    """What to check, on what, where; `artifacts` are beginnings of ids, none means all.

    `crops=False` keeps pieces of the images out of the result file, where their terms forbid passing them on.
    """

    bundle: Path
    data: Path | None = None
    photographs: bool = False
    artifacts: tuple[str, ...] = ()
    device: str = "CPU"
    threads: int | None = None
    max_drop_db: float | None = None
    json: Path | None = None
    machine: str | None = None
    crops: bool = True
    ladder: bool = False
    blocks: bool = False


def run_check(options: CheckOptions) -> None:
    """Check, print, write the result file, then raise what the exit code says.

    BackendError: a backend crashed. GateError: a gate failed. UnavailableError: nothing, or nothing of what
    was asked for by name, could run here. InputError: a bundle or data that cannot be used.
    """
    if options.json is not None:
        require_place(options.json)
    manifest = read_manifest(options.bundle)
    chosen = choose(manifest, options.artifacts)
    dataset = open_data(options.data, options.photographs, options.bundle, manifest)
    refuse_calibrated(dataset, manifest)
    reference = open_reference(options.bundle, manifest, dataset, options.threads)
    environment = describe_environment(options.machine)
    judged = [pair for artifact in chosen for pair in _judged(artifact, options)]
    subjects = [_subject(artifact, judge, manifest.scale, options) for artifact, judge in judged]
    model = model_of(manifest)
    network = reference_steps(options.bundle, manifest, options.threads) if options.blocks else []
    with show.progress(steps(subjects, dataset)) as step:
        checked = check(
            subjects, dataset, reference, model, max_drop_db=options.max_drop_db, ladder=options.ladder, step=step
        )
    blocks: list[BlockRecord] = []
    if options.blocks:
        looks = [_look(*pair, subject, options) for pair, subject in zip(judged, subjects, strict=True)]
        with show.progress(count_steps(looks, dataset)) as step:
            blocks = measure_blocks(looks, dataset, network, model, step)
    engines = kernel_records(options.bundle, chosen, model)
    layers = layers_records(chosen, model)
    note = DatasetNote(dataset.name, dataset.sha256, len(dataset.items), dataset.lr_source, dataset.terms)
    _print(checked, note, reference.description)
    for record in layers:
        show.out().print(Text(layers_line(record)), soft_wrap=True)
    show_blocks.show(show.out(), blocks)
    if options.json is not None:
        beside: tuple[Record, ...] = (*checked.rungs, *checked.diagnoses, *layers, *blocks, *engines)
        records = (*checked.records, *beside)
        pictures = (checked.crops, checked.error_maps) if options.crops else ((), ())
        write_result(options.json, new_result(environment, records, (note,), *pictures))
    conclude(checked, options.artifacts)
    if blocks and all(it.gate == "not run" for it in blocks):
        raise UnavailableError(f"no block could be looked at: {blocks[0].artifact}: {blocks[0].reason}")


def choose(manifest: Manifest, prefixes: Sequence[str]) -> list[Artifact]:
    """The artifacts whose ids begin with any of the prefixes, in the manifest's order; all without prefixes.

    Raises InputError for a prefix that fits none, or a bundle without artifacts.
    """
    names = [artifact.id for artifact in manifest.artifacts]
    if not names:
        raise InputError(f"bundle '{manifest.name}' holds no artifacts; export it with a target")
    for prefix in prefixes:
        if not any(name.startswith(prefix) for name in names):
            raise unknown("artifact", prefix, names)
    wanted = tuple(prefixes) or ("",)
    return [artifact for artifact in manifest.artifacts if artifact.id.startswith(wanted)]


def open_data(folder: Path | None, photographs: bool, bundle: Path, manifest: Manifest) -> Dataset:
    """The data set that was asked for, by default the bundle's parity pack."""
    if folder is not None and photographs:
        raise InputError("expected --data or --photographs, found both; give one")
    if folder is not None:
        return open_folder(folder, manifest.scale)
    return open_photographs(manifest.scale) if photographs else open_pack(bundle, manifest)


def refuse_calibrated(dataset: Dataset, manifest: Manifest) -> None:
    """Raise InputError where an image to evaluate on is one that the ranges were learnt from, by its pixels."""
    if manifest.calibration is None:
        return
    known = {digest: name for name, digest in manifest.calibration.images.items()}
    for item in dataset.items:
        if (name := known.get(content_hash(read_rgb8(item.hr)))) is not None:
            raise InputError(
                f"expected images that calibration has not seen, found {item.hr.name} (is {name} of the calibration): "
                "evaluate on others, or export again with another --calibration"
            )


def model_of(manifest: Manifest) -> Model:
    """What the bundle was made from, as records name it."""
    return Model(manifest.source.name, manifest.source.sha256, manifest.scale)


def conclude(checked: Checked, prefixes: Sequence[str]) -> None:
    """Raise what the exit code says; nothing when every gate that could be judged passed."""
    artifacts = [it for it in checked.records if not it.artifact.startswith("torch-reference")]
    if checked.crashed:
        raise BackendError("; ".join(checked.crashed))
    failed = [it.artifact for it in checked.records if it.gate == "fail"]
    if failed:
        raise GateError(f"{len(failed)} of {len(checked.records)} accuracy gates failed: {', '.join(failed)}")
    for prefix in prefixes or ("",):
        mine = [it for it in artifacts if it.artifact.startswith(prefix)]
        if all(it.gate == "not run" for it in mine):
            raise UnavailableError(f"nothing could be checked here: {_first_reason(mine)}")


def _first_reason(records: Sequence[AccuracyRecord]) -> str:
    return f"{records[0].artifact}: {records[0].reason}" if records else "no artifacts"


def _judged(artifact: Artifact, options: CheckOptions) -> list[tuple[Artifact, Judge]]:
    """The artifact on its engine, or each of its files by what stands in for it here."""
    found = judges(artifact, options.device) or (Judge(artifact.id, options.device, ""),)
    notes = [judge.note for judge in found]
    if artifact.backend == "coreml" and notes[0]:
        notes[0] += f"; {card(read_package(options.bundle, artifact)[0]).summary}"
    return [(artifact, replace(judge, note=note)) for judge, note in zip(found, notes, strict=True)]


def _subject(artifact: Artifact, judge: Judge, scale: int, options: CheckOptions) -> Subject:
    runner = _runner(artifact, judge, scale, options)
    pictures = artifact.output.layout == PICTURE
    return Subject(judge.name, artifact.precision, artifact.tile, runner, pictures=pictures, note=judge.note)


def _look(artifact: Artifact, judge: Judge, subject: Subject, options: CheckOptions) -> Look:
    names = block_names(artifact.id, artifact.graph)
    if names is None:
        return Look(subject, None, None)
    taps = tuple(names.tensors.values())
    return Look(subject, _runner(artifact, judge, subject.runner.scale, options, taps), names)


def _runner(artifact: Artifact, judge: Judge, scale: int, options: CheckOptions, taps: tuple[str, ...] = ()) -> Runner:
    threads = options.threads
    opener = partial(open_runner, options.bundle, artifact.id, device=judge.device, threads=threads, taps=taps)
    return IsolatedRunner(judge.name, scale, (artifact.tile,), opener)


def _print(checked: Checked, note: DatasetNote, reference: str) -> None:
    console = show.out()
    console.print(Text(f"data: {note.name}, {note.images} images, LR {note.lr_source}; {note.terms}"), soft_wrap=True)
    console.print(Text(f"reference: {reference}"))
    console.print(Text(f"protocol: {', '.join(sorted({record.protocol for record in checked.records}))}"))
    console.print(show.accuracy_table(checked.records))
    for line in (*show.reasons(checked.records), *show.mac_lines(checked.records)):
        console.print(Text(line), soft_wrap=True)
    if checked.diagnoses:
        console.print(show.diagnosis_table(checked.diagnoses))
    if checked.rungs:
        console.print(show.ladder_table(checked.rungs))
