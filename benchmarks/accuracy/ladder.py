"""`check --ladder`: what each step of the way costs, in decibels to the step before, to the top, and against HR.

torch on the whole image -> torch in tiles -> ONNX in fp32 -> the engine in fp32 -> 16 bit -> INT8
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.accuracy.figures import finite, mean
from benchmarks.accuracy.verdicts import Conditions
from benchmarks.records.identity import Identity
from benchmarks.records.inside import RungRecord
from benchmarks.subjects.datasets import Sample
from benchmarks.subjects.reference import ReferenceOutputs
from benchmarks.subjects.subject import Subject
from dlgsanet import metrics
from dlgsanet.errors import UnavailableError
from dlgsanet.imaging.pixels import to_hwc
from runtimes.backends.interface.backend import Backend
from runtimes.backends.registry import find_backend
from runtimes.runner.tiling import Array, Tile

_SIXTEEN = ("bf16", "fp16")
_INT8 = ("int8", "int8w")
_FROM_SIXTEEN = ("int8-mixed", "pal8", "pal6", "pal4")  # what is computed in 16 bits, with smaller weights


@dataclass(frozen=True)
class _Unknown:
    as_written: bool = False
    beside_int8: str = "fp32"


@dataclass(frozen=True)
class Rung:
    """An output by name, the one that it was made from (the first has none), and what it is."""

    name: str
    before: str | None
    identity: Identity


@dataclass
class _Figures:
    before: str | None
    psnr_db: list[float] = field(default_factory=list)
    drop_db: list[float] = field(default_factory=list)
    to_before_db: list[float] = field(default_factory=list)
    to_top_db: list[float] = field(default_factory=list)


class Ladder:
    """Collects the figures image by image; `records` are their means."""

    def __init__(self, subjects: Sequence[Subject], reference: ReferenceOutputs) -> None:
        self._tiles = sorted({subject.tile for subject in subjects})
        self._rungs = {tile: rungs([it for it in subjects if it.tile == tile], tile, reference) for tile in self._tiles}
        self._figures: dict[tuple[Tile, str], _Figures] = {}

    def add(self, sample: Sample, outputs: Mapping[str, Array], conditions: Conditions) -> None:
        """One image: 1 x 3 x sH x sW outputs by name, the reference's of the whole image among them where it was
        computed. Outputs that are missing (not run here) are stepped over: what follows is compared with the last one
        that is there."""
        for tile in self._tiles:
            present: dict[str, str | None] = {}
            for rung in self._rungs[tile]:
                before = rung.before
                while before is not None and before not in outputs:
                    before = next(it.before for it in self._rungs[tile] if it.name == before)
                if rung.name in outputs:
                    present[rung.name] = before
            if present:
                self._add(sample, outputs, tile, present, conditions)

    def _add(
        self,
        sample: Sample,
        outputs: Mapping[str, Array],
        tile: Tile,
        present: Mapping[str, str | None],
        conditions: Conditions,
    ) -> None:
        protocol = conditions.protocol(tile)
        psnr = {name: protocol.psnr(to_hwc(outputs[name]), sample.hr) for name in present}
        top = outputs[next(iter(present))]
        for name, before in present.items():
            figures = self._figures.setdefault((tile, name), _Figures(before))
            figures.psnr_db.append(psnr[name])
            if before is not None and before == figures.before:  # a step is compared with one and the same other
                figures.drop_db.append(psnr[before] - psnr[name] if psnr[before] != psnr[name] else 0.0)
                figures.to_before_db.append(metrics.psnr_float(outputs[name], outputs[before]))
                figures.to_top_db.append(metrics.psnr_float(outputs[name], top))

    def records(self, conditions: Conditions) -> tuple[RungRecord, ...]:
        """One for each step that was seen, in their order."""
        found = []
        for tile in self._tiles:
            for rung in self._rungs[tile]:
                if figures := self._figures.get((tile, rung.name)):
                    found.append(_record(rung, tile, figures, conditions))
        return tuple(found)


def rungs(subjects: Sequence[Subject], tile: Tile, reference: ReferenceOutputs) -> list[Rung]:
    """All outputs of one tile size, each after the one that it was made from."""
    whole, tiled = reference.whole_name, reference.tiled_name(tile)
    names = {(it.backend, it.precision): it.artifact for it in subjects if not it.pictures}
    written = [(it.backend, "fp32") for it in subjects if _entry(it).as_written]
    ordered = sorted(subjects, key=lambda it: (not _entry(it).as_written, _rank(it.precision)))
    return [
        Rung(whole, None, reference.identity),
        Rung(tiled, whole, reference.identity),
        *(Rung(it.artifact, _before(it, names, written, tiled), it) for it in ordered),
    ]


def _before(
    subject: Subject, names: Mapping[tuple[str, str], str], written: Sequence[tuple[str, str]], tiled: str
) -> str:
    backend, precision = subject.backend, subject.precision
    wanted: list[tuple[str, str]] = []
    if subject.pictures:
        wanted.append((backend, precision))
    if precision in _FROM_SIXTEEN or (precision in _INT8 and _entry(subject).beside_int8 in _SIXTEEN):
        wanted += [(backend, other) for other in _SIXTEEN]
    if precision != "fp32":
        wanted.append((backend, "fp32"))
    if not _entry(subject).as_written:
        wanted += written
    return next((names[key] for key in wanted if key in names), tiled)


def _entry(subject: Subject) -> Backend | _Unknown:
    """What is known of its backend; one that is broken here still has its place in the ladder."""
    try:
        return find_backend(subject.backend)
    except UnavailableError:
        return _Unknown()


def _rank(precision: str) -> int:
    return 0 if precision == "fp32" else 1 if precision in _SIXTEEN else 2


def _record(rung: Rung, tile: Tile, figures: _Figures, conditions: Conditions) -> RungRecord:
    def decibels(values: Sequence[float]) -> float | None:
        """The mean over the images that differ: no error has no decibels."""
        some = [value for value in values if math.isfinite(value)]
        return mean(some) if some else None

    return RungRecord(
        step=rung.name,
        role=rung.identity.role,
        backend=rung.identity.backend,
        before=figures.before,
        model=conditions.origin.name,
        model_sha256=conditions.origin.sha256,
        tile=tile,
        dataset=conditions.dataset.name,
        protocol=conditions.protocol(tile).id,
        psnr_db=finite(mean(figures.psnr_db)),
        drop_db=finite(mean(figures.drop_db)) if figures.drop_db else None,
        to_before_db=decibels(figures.to_before_db),
        to_before_worst_db=finite(min(figures.to_before_db, default=float("inf"))),
        to_top_db=decibels(figures.to_top_db),
    )
