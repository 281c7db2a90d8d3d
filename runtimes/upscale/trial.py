"""How fast the artifacts of a bundle are here, and whether each still shows what it showed when it was exported.

It runs in a process of its own, so that one that crashes is one that is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dlgsanet.errors import BackendError, EdgeError
from dlgsanet.storage.typed_json import Text, decode, to_json
from runtimes.backends.registry import backend_runner, find_backend
from runtimes.bundle.manifest import Artifact, Manifest, read_manifest, select
from runtimes.machine.child import Job, Say, ask, serve
from runtimes.machine.clock import time_interleaved
from runtimes.runner.contract import Runner, RunOptions

LEAST_DB = 30.0
"""An artifact that could not be run where it was exported has no figures of its own; beyond this it shows something
else than the reference."""

_WHAT = "timing the artifacts"
_LONGEST_S = 120.0
_RUNS = 5


@dataclass(frozen=True)
class FamilyTime:
    """An artifact family: ms of its smallest tile, or why it is passed over."""

    family: Text
    ms: float | None
    reason: str = ""


@dataclass(frozen=True)
class TimingJob:
    """What the child is asked."""

    bundle: Text
    families: tuple[Text, ...]
    device: Text
    threads: int | None


def try_all(bundle: Path, families: Sequence[str], options: RunOptions, say: Say) -> tuple[FamilyTime, ...]:
    """Time each family; one that ends the process is passed over, and the others go on in a new one."""
    found: list[FamilyTime] = []

    def note(step: str) -> None:
        found.append(decode(FamilyTime, json.loads(step), _WHAT))
        say(found[-1].family)

    while len(found) < len(families):
        left = tuple(families[len(found) :])
        job = TimingJob(str(bundle), left, options.device, options.threads)
        try:
            ask(Job("runtimes.upscale.trial", to_json(job), f"timing {left[0]}", _LONGEST_S), note)
        except BackendError as error:
            if len(found) < len(families):
                found.append(FamilyTime(families[len(found)], None, str(error)))
    return tuple(found)


def trials(job: TimingJob) -> Iterator[FamilyTime]:
    """Each family in turn, in this process."""
    manifest = read_manifest(job.bundle)
    for family in job.families:
        artifact = select(manifest, family)[0]
        try:
            yield FamilyTime(family, _ms(Path(job.bundle), manifest, artifact, RunOptions(job.device, job.threads)))
        except EdgeError as error:
            yield FamilyTime(family, None, str(error))


def _ms(bundle: Path, manifest: Manifest, artifact: Artifact, options: RunOptions) -> float:
    if idle := find_backend(artifact.backend).idle_here:
        raise BackendError(idle)
    with backend_runner(bundle, artifact, manifest.scale, options) as run:
        if run.info.precision_mismatch:
            raise BackendError(run.info.precision_mismatch)
        _require_as_at_birth(bundle, manifest, artifact, run)
        tile = np.random.default_rng(0).random((1, 3, *artifact.tile), np.float32)
        times = time_interleaved({"tile": lambda: run.infer(tile, checked=False)}, warmup=1, runs=_RUNS)["tile"]
        return round(min(times), 3)


def _require_as_at_birth(bundle: Path, manifest: Manifest, artifact: Artifact, run: Runner) -> None:
    """Raises BackendError where the stored probe tiles come out worse than they did when the artifact was exported."""
    # not at the top: whoever asks reads this module, too, and needs none of it
    from runtimes.runner.fidelity.birth import shown, worse
    from runtimes.runner.fidelity.probe_store import load_probes
    from runtimes.runner.fidelity.probes import AT_BIRTH, probe

    height, width = artifact.tile
    place = manifest.reference.probes.get(f"{height}x{width}")
    if place is None:
        return
    stored = load_probes(bundle / place, AT_BIRTH, (1, 3, height * manifest.scale, width * manifest.scale))
    now = [shown(name, run.infer(probe(name, artifact.tile)), reference) for name, reference in stored.items()]
    before = artifact.birth.shown if artifact.birth else ()
    for line in worse(before, now):
        raise BackendError(f"it shows less than when it was exported: {line}")
    for it in now:
        if not before and it.to_reference_db is not None and it.to_reference_db < LEAST_DB:
            raise BackendError(f"{it.name}: {it.to_reference_db:.1f} dB to the reference, expected {LEAST_DB:g}")


def _work(given: object, say: Say) -> None:
    for trial in trials(decode(TimingJob, given, _WHAT)):
        say(json.dumps(to_json(trial)))


if __name__ == "__main__":
    serve(_work)
