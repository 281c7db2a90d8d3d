"""Every fault in every artifact of a bundle, each judged by the gates of `check`; what was measured is kept."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.records.accuracy import AccuracyRecord
from benchmarks.studies.planted_faults.fault import ConstantFault, PlantedFault
from benchmarks.studies.planted_faults.gate import (
    RememberedReference,
    Replayed,
    Watched,
    judged,
    small_set,
)
from benchmarks.studies.planted_faults.plant import Place, spoilt
from benchmarks.studies.planted_faults.study import CleanRow, FaultRow, is_visible
from benchmarks.subjects.datasets import Dataset
from benchmarks.subjects.subject import origin_of
from benchmarks.subjects.torch_peers import reference_function
from dlgsanet.storage.typed_json import decode, to_json
from runtimes.backends.interface.backend import Judge
from runtimes.backends.registry import judges
from runtimes.bundle.manifest import Manifest, read_manifest

Levels = tuple[float, float, float, float]

LONGEST = 120
"""Characters of a gate's reason that are kept."""

FILES = {"tensorrt-reference-fp16-scales": ".fp16-scales.onnx"}
"""By the judge's device: which of an artifact's files it reads, where it is not the first."""


@dataclass(frozen=True)
class Journal:
    """Rows of an unfinished study, one a line, so that a stopped one goes on."""

    path: Path

    def rows(self) -> tuple[list[CleanRow], list[FaultRow]]:
        """What was measured before."""
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.is_file() else []
        held = [json.loads(line) for line in lines]
        faults = [decode(FaultRow, it, self.path.name, "remove it") for it in held if "fault" in it]
        return [decode(CleanRow, it, self.path.name, "remove it") for it in held if "fault" not in it], faults

    def add(self, row: CleanRow | FaultRow) -> None:
        """Keep one row."""
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(to_json(row)) + "\n")


@dataclass(frozen=True)
class Bench:
    """One bundle with what its artifacts are judged on."""

    bundle: Path
    manifest: Manifest
    data: Dataset
    reference: RememberedReference
    folder: Path

    def clean(self, place: Place, runner: Replayed) -> CleanRow:
        """The artifact as it was exported."""
        watched = Watched(runner, self.reference.tile)
        record = self._record(place, watched)
        reason, own = record.reason[:LONGEST], _four(watched.levels())
        return CleanRow(self.manifest.name, place.name, record.device or "", record.gate, reason, own)

    def planted(self, fault: PlantedFault, place: Place, clean: Replayed, own: Levels) -> FaultRow | None:
        """The artifact with a fault; None where it has nothing to change."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            runner = spoilt(fault, place, clean, Path(folder))
            if runner is None:
                return None
            watched = Watched(runner, clean.answers)
            record = self._record(place, watched)
        levels = None if watched.broken else _four(watched.levels())
        visible = levels is None or is_visible(levels, own)
        caught = record.gate == "fail"
        named = record.reason.partition(";")[0][:LONGEST] if caught else ""
        return FaultRow(self.manifest.name, place.name, fault.name, levels, visible, caught, named)

    def _record(self, place: Place, runner: Watched) -> AccuracyRecord:
        return judged(place, runner, self.data, self.reference, origin_of(self.manifest))


def open_bench(bundle: Path, folder: Path) -> Bench:
    """The bundle and its small set, cut into `folder`. All its artifacts have one tile."""
    manifest = read_manifest(bundle)
    pictures = folder / f"{manifest.name}-{manifest.artifacts[0].tile[0]}"
    pictures.mkdir(parents=True, exist_ok=True)
    data = small_set(bundle, manifest, manifest.artifacts[0].tile, pictures)
    function = reference_function(bundle, manifest, 1)
    return Bench(bundle, manifest, data, RememberedReference(function, manifest.scale), folder)


def places(bench: Bench, wanted: Sequence[str] = ()) -> Iterator[Place]:
    """Every artifact as it is judged on this machine; those whose names begin as `wanted` says."""
    for artifact in bench.manifest.artifacts:
        for judge in judges(artifact, "CPU") or (Judge(artifact.id, "CPU", ""),):
            path = artifact.path
            if judge.device in FILES:
                path = path.removesuffix(".onnx") + FILES[judge.device]
            if not wanted or judge.name.startswith(tuple(wanted)):
                yield Place(bench.bundle, artifact, bench.manifest.scale, judge.device, judge.name, path)


def run(
    bench: Bench,
    chosen: Sequence[Place],
    faults: Sequence[PlantedFault],
    journal: Journal,
    say: Callable[[str], None],
    every: int = 1,
) -> None:
    """Judge what the journal does not hold yet; of the faults of constants only each `every`-th, in each artifact
    others: they cost a run of every tile."""
    clean_rows, rows = journal.rows()
    known = {(it.model, it.artifact): it for it in clean_rows}
    done = {(it.model, it.artifact, it.fault) for it in rows}
    for number, place in enumerate(chosen):
        key = (bench.manifest.name, place.name)
        wanted = sampled(faults, every, number)
        left = [fault for fault in wanted if (*key, fault.name) not in done]
        if key in known and not left:
            continue
        runner = Replayed(place.runner())
        try:
            row = bench.clean(place, runner)
            if key not in known:
                journal.add(row)
            say(f"{place.name}: {row.gate} {row.reason}")
            for fault in left if row.gate != "not run" else ():
                found = bench.planted(fault, place, runner, row.own)
                if found is not None:
                    journal.add(found)
                    say(f"{place.name}: {fault.name}: {_told(found)}")
        finally:
            runner.end()


def sampled(faults: Sequence[PlantedFault], every: int, start: int) -> list[PlantedFault]:
    """All faults, but of those of constants only each `every`-th from `start` on."""
    costly = [it for it in faults if isinstance(it, ConstantFault)]
    left_out = {it.name for number, it in enumerate(costly) if (number - start) % every}
    return [it for it in faults if it.name not in left_out]


def _four(levels: Sequence[float]) -> Levels:
    median, most, nearly_all, largest = levels
    return median, most, nearly_all, largest


def _told(row: FaultRow) -> str:
    size = "no picture" if row.levels is None else f"{row.levels[3]:.2f} levels"
    seen = "" if row.visible else ", too small to see"
    return f"{size}{seen}: {row.named or 'passes'}"
