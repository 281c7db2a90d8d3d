"""`check`: every artifact against the reference through the same tiler, and both against HR.

Images are the outer loop: one image, the reference's outputs of it and the artifacts' are held at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks.accuracy import verdicts
from benchmarks.accuracy.crops import Shelf, make_crop
from benchmarks.accuracy.diagnosis import Signs, diagnosis, signs
from benchmarks.accuracy.error_maps import WorstImages
from benchmarks.accuracy.figures import Standard, standard
from benchmarks.accuracy.ladder import WHOLE, Ladder
from benchmarks.accuracy.verdicts import Conditions, Tiled, require_limit
from benchmarks.gates.accuracy_gates import Verdict
from benchmarks.records.accuracy import AccuracyRecord, ImageRow
from benchmarks.records.inside import DiagnosisRecord, RungRecord
from benchmarks.records.pictures import Crop, ErrorMap
from benchmarks.subjects.datasets import Dataset, Sample
from benchmarks.subjects.reference import ReferenceOutputs
from benchmarks.subjects.subject import Origin, Subject
from benchmarks.subjects.torch_peers import peer_id
from dlgsanet.errors import BackendError, UnavailableError
from dlgsanet.imaging.files import to_nchw
from dlgsanet.metrics import Protocol
from runtimes.runner.contract import OutputError, RunInfo
from runtimes.runner.tiling import Array, Tile
from runtimes.runner.work_by_precision import shares


@dataclass(frozen=True)
class Checked:
    """The records of one `check`: those of the artifacts, then what tiling costs in each tile size.

    `crashed` are the lines of backends that crashed.
    """

    records: tuple[AccuracyRecord, ...]
    crops: tuple[Crop, ...]
    crashed: tuple[str, ...]
    rungs: tuple[RungRecord, ...] = ()
    diagnoses: tuple[DiagnosisRecord, ...] = ()
    error_maps: tuple[ErrorMap, ...] = ()


@dataclass
class _Run:
    """What has been learnt about one subject so far; it takes no further part once `over` says why."""

    subject: Subject
    info: RunInfo | None = None
    macs: Mapping[str, int] = field(default_factory=dict)
    rows: list[ImageRow] = field(default_factory=list)
    signs: list[Signs] = field(default_factory=list)
    worst: WorstImages = field(default_factory=WorstImages)
    over: Verdict | None = None
    crash: str | None = None


@dataclass
class _Tiling:
    """The reference in one tile size against HR, and against itself without tiles where that could be had."""

    protocol: Protocol
    whole: list[ImageRow] = field(default_factory=list)
    tiled: list[Tiled] = field(default_factory=list)


def check(
    subjects: Sequence[Subject],
    dataset: Dataset,
    reference: ReferenceOutputs,
    origin: Origin,
    *,
    max_drop_db: float | None = None,
    ladder: bool = False,
    step: Callable[[str], None] = lambda doing: None,
) -> Checked:
    """Measure and judge every subject on every image.

    A subject that is not available here becomes a `not run` record, one that crashes or gives no picture a
    failed one; neither stops the others. With `ladder` every step is also compared with the one before. `step` is
    called before each piece of work, at most `steps(...)` times. Raises InputError for a bundle or an image that
    cannot be used.
    """
    require_limit(max_drop_db)
    conditions = Conditions(dataset, reference, origin, max_drop_db)
    tilings = {tile: _Tiling(conditions.protocol(tile)) for tile in _tiles(subjects)}
    shelf = Shelf()
    rungs = Ladder(subjects) if ladder else None
    with ExitStack() as stack:
        runs = [_open(subject, stack, step) for subject in subjects]
        for sample in dataset.samples():
            outputs, drop = _one_image(sample, runs, tilings, reference, step)
            if rungs:
                rungs.add(sample, outputs, conditions)
            outputs.pop(WHOLE, None)
            if outputs and shelf.wants(drop):
                shelf = shelf.put(make_crop(sample, dataset, origin.sha256, outputs), drop)
    return _judged(runs, tilings, shelf.crops, rungs.records(conditions) if rungs else (), conditions)


def _judged(
    runs: Sequence[_Run],
    tilings: Mapping[Tile, _Tiling],
    crops: tuple[Crop, ...],
    rungs: tuple[RungRecord, ...],
    conditions: Conditions,
) -> Checked:
    """From what was measured to records with their verdicts."""
    costs = {tile: verdicts.tiling(tile, it.whole, it.tiled, conditions) for tile, it in tilings.items()}
    records = [
        verdicts.artifact(
            run.subject,
            run.info,
            run.rows,
            run.over,
            conditions,
            costs[run.subject.tile].tiling_drop_db,
            shares(run.macs),
        )
        for run in runs
    ]
    whole = [run for run in runs if run.over is None]
    return Checked(
        records=(*records, *costs.values()),
        crops=crops,
        crashed=tuple(run.crash for run in runs if run.crash),
        rungs=rungs,
        diagnoses=tuple(diagnosis(run.subject, run.signs, conditions) for run in whole if run.signs),
        error_maps=tuple(found for run in whole for found in run.worst.maps(run.subject, conditions)),
    )


def steps(subjects: Sequence[Subject], dataset: Dataset) -> int:
    """How often `check` will call its `step`, at most."""
    per_image = 1 + len(_tiles(subjects)) + len(subjects)
    return len(subjects) + per_image * len(dataset.items)


def _tiles(subjects: Sequence[Subject]) -> list[Tile]:
    return sorted({subject.tile for subject in subjects})


def _open(subject: Subject, stack: ExitStack, step: Callable[[str], None]) -> _Run:
    step(f"loading {subject.artifact}")
    run = _Run(subject)
    try:
        run.info = stack.enter_context(subject.runner).info
        if run.info.lacking:
            run.over = Verdict("not run", run.info.lacking)
        run.macs = subject.runner.macs()
    except UnavailableError as error:
        run.over = Verdict("not run", str(error))
    except BackendError as error:
        run.over, run.crash = Verdict("fail", str(error)), str(error)
    return run


def _one_image(
    sample: Sample,
    runs: Sequence[_Run],
    tilings: Mapping[Tile, _Tiling],
    reference: ReferenceOutputs,
    step: Callable[[str], None],
) -> tuple[dict[str, Array], float]:
    """All outputs of one image by name, and the largest |drop| among the artifacts."""
    name = sample.item.name
    step(f"{name}: reference, whole image")
    whole = reference.whole(sample)
    outputs: dict[str, Array] = {} if whole is None else {WHOLE: whole}
    drops = [0.0]
    for tile, tiling in tilings.items():
        alive = [run for run in runs if run.subject.tile == tile and run.over is None]
        step(f"{name}: reference, {tile[0]}x{tile[1]} tiles")
        try:
            target = standard(sample, reference.tiled(sample, tile), tiling.protocol)
        except UnavailableError as error:
            for run in alive:
                run.over = Verdict("not run", str(error))
            continue
        tiling.tiled.append(Tiled(target.psnr_db, target.ssim))
        if whole is not None:
            tiling.whole.append(standard(sample, whole, tiling.protocol).row(target.output))
        outputs[peer_id("reference", tile)] = target.output
        for run in alive:
            step(f"{name}: {run.subject.artifact}")
            sr = _one_output(run, target, reference.overlap)
            if sr is not None:
                outputs[run.subject.artifact] = sr
                drops.append(abs(run.rows[-1].drop_db))
    return outputs, max(drops)


def _one_output(run: _Run, target: Standard, overlap: int) -> Array | None:
    """One artifact on one image; what goes wrong is noted in `run` and ends its part."""
    try:
        sr = run.subject.runner(to_nchw(target.sample.lr), overlap)
    except OutputError as error:
        run.over = Verdict("fail", f"{target.sample.item.name}: {error}")
        return None
    except BackendError as error:
        run.over, run.crash = Verdict("fail", str(error)), str(error)
        return None
    run.rows.append(target.row(sr, pictures=run.subject.pictures))
    if run.subject.precision != "fp32":
        run.signs.append(signs(sr, target.output))
        run.worst.see(target.sample, run.rows[-1], sr, target.output, target.protocol.scale)
    return sr
