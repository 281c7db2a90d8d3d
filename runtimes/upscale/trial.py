"""How fast the artifacts of a bundle are here, and whether each still shows what it showed when it was exported.

It runs in a process of its own, so that one that crashes is one that is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from dlgsanet.errors import BackendError, EdgeError
from dlgsanet.storage.typed_json import Text, decode, to_json
from runtimes.backends.registry import backend_runner, find_backend
from runtimes.bundle.manifest import Artifact, Manifest, read_manifest, select
from runtimes.machine.child import Job, Say, ask, serve
from runtimes.runner.contract import Runner, RunOptions
from runtimes.upscale.race import Race, Racer

LEAST_DB = 30.0
"""An artifact that could not be run where it was exported has no figures of its own; beyond this it shows something
else than the reference."""

_WHAT = "timing the artifacts"
_LONGEST_S = 120.0
_TOGETHER = 2  # are opened at once: an engine compiles on one core


@dataclass(frozen=True)
class FamilyTime:
    """An artifact family: ms of its smallest tile, or why it is passed over."""

    family: Text
    ms: float | None
    reason: str = ""


@dataclass(frozen=True)
class Trials:
    """All families in their order. `steady`: their times are worth keeping, other work did not disturb them."""

    families: tuple[FamilyTime, ...]
    steady: bool


@dataclass(frozen=True)
class TimingJob:
    """What the child is asked."""

    bundle: Text
    families: tuple[Text, ...]
    device: Text
    threads: int | None
    together: int = 1


def try_all(bundle: Path, families: Sequence[str], options: RunOptions) -> Trials:
    """Time the families against each other. One that ends the process is passed over, and the others begin again, one
    at a time."""
    crashed: dict[str, FamilyTime] = {}
    tried: list[str] = []
    together = _TOGETHER
    while left := [family for family in families if family not in crashed]:
        tried[:] = left[:together]
        job = TimingJob(str(bundle), tuple(left), options.device, options.threads, together)
        try:
            told = ask(Job("runtimes.upscale.trial", to_json(job), _WHAT, _LONGEST_S), lambda step: _note(step, tried))
        except BackendError as error:
            if len(tried) == 1:
                crashed[tried[0]] = FamilyTime(tried[0], None, str(error))
            together = 1
            continue
        found = decode(Trials, told, _WHAT)
        known = crashed | {trial.family: trial for trial in found.families}
        return Trials(tuple(known[family] for family in families), found.steady)
    return Trials(tuple(crashed[family] for family in families), True)


def _note(step: str, tried: list[str]) -> None:
    tried[:] = json.loads(step)


def trials(job: TimingJob, say: Say = lambda step: None) -> Trials:
    """All families against each other, in this process; `say` gets what is tried next, a list as JSON."""
    manifest = read_manifest(job.bundle)
    failed: dict[str, str] = {}
    race = Race()
    with ThreadPoolExecutor(job.together) as pool:
        for at in range(0, len(job.families), job.together):
            batch = job.families[at : at + job.together]
            say(json.dumps(batch))
            for family, opened in zip(batch, pool.map(partial(_opened, job, manifest), batch), strict=True):
                try:
                    if isinstance(opened, EdgeError):
                        raise opened
                    say(json.dumps([family]))
                    race.enter(opened)
                except EdgeError as error:
                    failed[family] = str(error)
    finish = race.finish()
    return Trials(
        tuple(
            FamilyTime(it, None, failed[it]) if it in failed else FamilyTime(it, round(finish.ms[it], 3))
            for it in job.families
        ),
        finish.steady,
    )


def _opened(job: TimingJob, manifest: Manifest, family: str) -> Racer | EdgeError:
    """The family's smallest tile on noise, or why it is passed over."""
    artifact = select(manifest, family)[0]
    with ExitStack() as stack:
        tile = np.random.default_rng(0).random((1, 3, *artifact.tile), np.float32)
        try:
            run = _good(Path(job.bundle), manifest, artifact, RunOptions(job.device, job.threads), stack)
            run.infer(tile)
        except EdgeError as error:
            return error
        return Racer(family, lambda: run.infer(tile, checked=False), stack.pop_all().close)


def _good(bundle: Path, manifest: Manifest, artifact: Artifact, options: RunOptions, stack: ExitStack) -> Runner:
    """The artifact, open until the end of `stack`. Raises BackendError where it is not to be taken."""
    if idle := find_backend(artifact.backend).idle_here:
        raise BackendError(idle)
    run = stack.enter_context(backend_runner(bundle, artifact, manifest.scale, options))
    if spoilt := run.info.precision_mismatch or run.info.caution:
        raise BackendError(spoilt)
    _require_as_at_birth(bundle, manifest, artifact, run)
    return run


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


def _work(given: object, say: Say) -> object:
    return to_json(trials(decode(TimingJob, given, _WHAT), say))


if __name__ == "__main__":
    serve(_work)
