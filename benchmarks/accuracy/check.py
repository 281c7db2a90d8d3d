"""`check`: every artifact against the reference through the same tiler, and both against HR.

Images are the outer loop: one image, the reference's outputs of it and the artifacts' are held at a time. Then every
artifact gets the probe tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from benchmarks.accuracy import verdicts
from benchmarks.accuracy.crops import Shelf, make_crop
from benchmarks.accuracy.diagnosis import Signs, diagnosis, signs
from benchmarks.accuracy.error_maps import WorstImages
from benchmarks.accuracy.figures import Standard, Tiled, bicubic, require_finite, standard, to_8_bits
from benchmarks.accuracy.ladder import Ladder
from benchmarks.accuracy.verdicts import Conditions, Seen, require_limit
from benchmarks.gates.accuracy_gates import Verdict
from benchmarks.gates.limits import DEFAULT, LimitTable
from benchmarks.gates.seen_faults import over_patches
from benchmarks.records.accuracy import AccuracyRecord, ImageRow
from benchmarks.records.inside import DiagnosisRecord, RungRecord
from benchmarks.records.pictures import Crop, ErrorMap
from benchmarks.subjects.datasets import Dataset, Sample
from benchmarks.subjects.reference import ReferenceOutputs
from benchmarks.subjects.subject import Origin, Subject, ending
from dlgsanet.errors import EdgeError, UnavailableError
from dlgsanet.imaging.pixels import to_nchw
from dlgsanet.metrics import Protocol
from runtimes.bundle.artifact_facts import Shown
from runtimes.runner.contract import OutputError, RunInfo
from runtimes.runner.fidelity.birth import shown, worse
from runtimes.runner.fidelity.likeness import LikenessMeter, ProbeFigures, probe_figures
from runtimes.runner.fidelity.probes import CORE, FEWEST, PROBES, probe
from runtimes.runner.tiling import Array, Tile
from runtimes.runner.work_by_precision import shares


@dataclass(frozen=True)
class Checked:
    """The records of one `check`: those of the artifacts, then what tiling costs in each tile size.

    `crashed` are the lines of backends that crashed, `damaged` those of artifacts whose files are not what the manifest
    says.
    """

    records: tuple[AccuracyRecord, ...]
    crops: tuple[Crop, ...]
    crashed: tuple[str, ...]
    damaged: tuple[str, ...] = ()
    rungs: tuple[RungRecord, ...] = ()
    diagnoses: tuple[DiagnosisRecord, ...] = ()
    error_maps: tuple[ErrorMap, ...] = ()
    lost: tuple[str, ...] = ()
    """Artifacts that give another picture on this device; nothing else was measured of them."""


@dataclass
class _Run:
    """What has been learnt about one subject so far; it takes no further part once `over` says why."""

    subject: Subject
    info: RunInfo | None = None
    macs: Mapping[str, int] = field(default_factory=dict)
    rows: list[ImageRow] = field(default_factory=list)
    meter: LikenessMeter | None = None
    probes: list[ProbeFigures] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    fault: str | None = None
    note: str = ""
    signs: list[Signs] = field(default_factory=list)
    worst: WorstImages = field(default_factory=WorstImages)
    over: Verdict | None = None
    crash: str | None = None
    damage: str | None = None
    lost: bool = False

    def seen(self) -> Seen:
        """What eyes would see of it."""
        likeness = self.meter.figures() if self.meter else None
        lost = tuple(worse(self.subject.birth, self.shown))
        return Seen(likeness, tuple(self.probes), self.fault, self.note, lost)

    def shows(self, name: str, sr: Array, reference: Array) -> None:
        """Note what is to be compared with its birth."""
        if any(it.name == name for it in self.subject.birth):
            self.shown.append(shown(name, sr, reference))

    def gives_up(self, table: LimitTable) -> None:
        """End its part where a patch of a probe tile is beyond what its precision may be off: no figure of the images
        would make it pass."""
        if self.over is not None or self.info is None:
            return
        it = self.subject
        limits = table.of(self.info.requested_precision, approximate=it.approximate, pictures=it.pictures)
        if limits is not None and (lines := [*over_patches(self.probes, limits)]):
            self.lost = True
            found = "; ".join(lines)
            self.over = Verdict("fail", f"{self.info.device} makes another picture: {found}; not run on the images")

    def stops(self, error: EdgeError, where: str = "") -> None:
        """Note what went wrong; it takes no further part, and the others go on."""
        end = ending(error)
        self.over = Verdict(end.gate, f"{where}: {error}" if isinstance(error, OutputError) else str(error))
        self.crash, self.damage = end.crash, end.damage


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
    limits: LimitTable = DEFAULT,
    below_bicubic: bool = False,
    ladder: bool = False,
    probes_first: bool = False,
    step: Callable[[str], None] = lambda doing: None,
) -> Checked:
    """Measure and judge every subject on every image.

    A subject that is not available here, or refused by a lint, becomes a `not run` record, one that crashes, is damaged
    or gives no picture a failed one; none stops the others. With `ladder` every step is compared with the one before;
    with `probes_first`, what shows another picture there is not run on the images. `step` is called before each piece
    of work, at most `steps(...)` times. Raises InputError for a reference or an image that cannot be used.
    """
    require_limit(max_drop_db)
    conditions = Conditions(dataset, reference, origin, max_drop_db, limits, below_bicubic)
    tilings = {tile: _Tiling(conditions.protocol(tile)) for tile in _tiles(subjects)}
    enlarged: list[Tiled] = []
    shelf, rungs = Shelf(), Ladder(subjects, reference) if ladder else None
    with ExitStack() as stack:
        runs = [_open(subject, stack, step) for subject in subjects]
        _probe_first(runs if probes_first else (), conditions, step)
        for sample in dataset.samples():
            if origin.scale > 1:  # else there is nothing to enlarge
                enlarged.append(bicubic(sample, next(iter(tilings.values())).protocol))
            outputs, drop = _one_image(sample, runs, tilings, reference, step)
            if rungs:
                rungs.add(sample, outputs, conditions)
            outputs.pop(reference.whole_name, None)
            if outputs and shelf.wants(drop):
                shelf = shelf.put(make_crop(sample, dataset, origin.sha256, outputs), drop)
        _probe(() if probes_first else runs, dataset, reference, origin.scale, step)
    checked = _judged(runs, tilings, enlarged, rungs.records(conditions) if rungs else (), conditions)
    return replace(checked, crops=shelf.crops)


def probe_names(dataset: Dataset, *, interpreted: bool = False) -> tuple[str, ...]:
    """All probe tiles, but on a bundle's own pack the few whose references it stores, and for an interpreter, which is
    slow, one that is both flat and saturated: that check is to be short."""
    if not all(item.sr for item in dataset.items):
        return tuple(PROBES)
    return FEWEST if interpreted else CORE


def _judged(
    runs: Sequence[_Run],
    tilings: Mapping[Tile, _Tiling],
    enlarged: Sequence[Tiled],
    rungs: tuple[RungRecord, ...],
    conditions: Conditions,
) -> Checked:
    """From what was measured to records with their verdicts."""
    costs = {tile: verdicts.reference(tile, it.whole, it.tiled, enlarged, conditions) for tile, it in tilings.items()}
    records = [
        replace(
            verdicts.artifact(run.subject, run.info, run.rows, run.over, conditions, run.seen(), shares(run.macs)),
            tiling_drop_db=costs[run.subject.tile].tiling_drop_db if run.over is None else None,
        )
        for run in runs
    ]
    whole = [run for run in runs if run.over is None]
    return Checked(
        records=tuple(verdicts.beside(record, enlarged) for record in (*records, *costs.values())),
        crops=(),
        crashed=tuple(run.crash for run in runs if run.crash),
        damaged=tuple(run.damage for run in runs if run.damage),
        rungs=rungs,
        diagnoses=tuple(diagnosis(run.subject, run.signs, conditions) for run in whole if run.signs),
        error_maps=tuple(found for run in whole for found in run.worst.maps(run.subject, conditions)),
        lost=tuple(run.subject.artifact for run in runs if run.lost),
    )


def steps(subjects: Sequence[Subject], dataset: Dataset) -> int:
    """How often `check` will call its `step`, at most."""
    per_image = 1 + len(_tiles(subjects)) + len(subjects)
    return 2 * len(subjects) + per_image * len(dataset.items)


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
    except EdgeError as error:
        run.stops(error)
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
    outputs: dict[str, Array] = {} if whole is None else {reference.whole_name: whole}
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
        tiling.tiled.append(Tiled(target.psnr_db, target.ssim, target.rgb_psnr_db))
        if whole is not None:
            tiling.whole.append(standard(sample, whole, tiling.protocol).row(target.output))
        outputs[reference.tiled_name(tile)] = target.output
        for run in alive:
            step(f"{name}: {run.subject.artifact}")
            sr = _one_output(run, target, reference)
            if sr is not None:
                outputs[run.subject.artifact] = sr
                drops.append(abs(run.rows[-1].drop_db))
    return outputs, max(drops)


def _one_output(run: _Run, target: Standard, reference: ReferenceOutputs) -> Array | None:
    """One artifact on one image; what goes wrong is noted in `run` and ends its part."""
    name, scale = target.sample.item.name, target.protocol.scale
    try:
        sr = run.subject.runner(to_nchw(target.sample.lr), reference.overlap, reference.fill)
    except EdgeError as error:
        run.stops(error, name)
        return None
    wanted = target.seen(pictures=run.subject.pictures)
    run.rows.append(target.row(sr, pictures=run.subject.pictures))
    run.meter = run.meter or LikenessMeter(run.subject.tile, scale, reference.overlap)
    run.meter.add(name, sr, wanted)
    run.shows(name, sr, wanted)
    if run.subject.precision != "fp32":
        run.signs.append(signs(sr, target.output))
        run.worst.see(target.sample, run.rows[-1], sr, target.output, scale)
    return sr


def _probe(
    runs: Sequence[_Run], dataset: Dataset, reference: ReferenceOutputs, scale: int, step: Callable[[str], None]
) -> None:
    """Every artifact on the probe tiles of its size; what goes wrong is noted in its run."""
    for tile in _tiles([run.subject for run in runs]):
        alive = [run for run in runs if run.subject.tile == tile and run.over is None]
        names = {run.subject.artifact: probe_names(dataset, interpreted=run.subject.interpreted) for run in alive}
        wanted = reference.probes(tile, scale, max(names.values(), key=len)) if names else {}
        require_finite(wanted)
        for run in alive:
            step(f"probe tiles: {run.subject.artifact}")
            run.note = "" if wanted else "judged without probe tiles: no reference of them is stored, and no torch here"
            try:
                for name in names[run.subject.artifact]:
                    if (sr := wanted.get(name)) is not None:
                        _one_probe(run, name, tile, to_8_bits(sr) if run.subject.pictures else sr)
            except EdgeError as error:
                run.stops(error)


def _probe_first(runs: Sequence[_Run], conditions: Conditions, step: Callable[[str], None]) -> None:
    """As `_probe`; what shows another picture takes no further part."""
    _probe(runs, conditions.dataset, conditions.reference, conditions.origin.scale, step)
    for run in runs:
        run.gives_up(conditions.limits)


def _one_probe(run: _Run, name: str, tile: Tile, reference: Array) -> None:
    try:
        sr = run.subject.runner.infer(probe(name, tile))
        run.probes.append(probe_figures(name, sr, reference))
        run.shows(name, sr, reference)
    except OutputError as error:
        run.fault = run.fault or f"probe tile {name}: {error}"
