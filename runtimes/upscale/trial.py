"""How fast the artifacts of a bundle are here, and whether each still shows what it showed when it was exported.

It runs in a process of its own, so that one that crashes is one that is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from dlgsanet.errors import BackendError, EdgeError, InputError
from dlgsanet.storage.typed_json import Text, decode, to_json
from runtimes.backends.registry import backend_runner, find_backend, spoilt_here
from runtimes.bundle.manifest import Artifact, Manifest, read_manifest, select
from runtimes.machine.child import Job, Say, ask, serve
from runtimes.runner.contract import RunInfo, Runner, RunOptions, UnfitError
from runtimes.upscale.race import CLOSE, Finish, Race, Racer, preferred

LEAST_DB = 30.0
"""An artifact that could not be run where it was exported has no figures of its own; beyond this it shows something
else than the reference."""

_WHAT = "timing the artifacts"
_LONGEST_S = 120.0
_TOGETHER = 2  # are opened at once: an engine compiles on one core


@dataclass(frozen=True)
class FamilyTime:
    """An artifact family: ms of its smallest tile, or why it is passed over. `checked`: it shows what it showed when it
    was exported; only the one to take is asked. `damaged`: a file of it is missing, unreadable or was changed, which is
    no matter of this machine."""

    family: Text
    ms: float | None
    reason: str = ""
    checked: bool = True
    damaged: bool = False


@dataclass(frozen=True)
class Trials:
    """All families in their order. `steady`: their times are worth keeping, other work did not disturb them."""

    families: tuple[FamilyTime, ...]
    steady: bool


@dataclass(frozen=True)
class TimingJob:
    """What the child is asked. `cache`: it keeps what an engine compiles, so that whoever opens the one to take need
    not compile it again."""

    bundle: Text
    families: tuple[Text, ...]
    device: Text
    threads: int | None
    together: int = 1
    cache: bool = False


def try_all(bundle: Path, families: Sequence[str], options: RunOptions) -> Trials:
    """Time the families against each other. One that ends the process is passed over, and the others begin again, one
    at a time."""
    crashed: dict[str, FamilyTime] = {}
    tried: list[str] = []
    together = _TOGETHER
    while left := [family for family in families if family not in crashed]:
        tried[:] = left[:together]
        job = TimingJob(str(bundle), tuple(left), options.device, options.threads, together, options.cache)
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
    contest = _Contest(job, read_manifest(job.bundle), say)
    ms, steady = contest.held()
    untimed = [family for family in job.families if family not in ms]
    return Trials(
        tuple(
            FamilyTime(it, None, contest.failed[it], damaged=it in contest.damaged)
            if it in untimed
            else FamilyTime(it, round(ms[it], 3), checked=it in contest.checked)
            for it in job.families
        ),
        steady,
    )


class _Contest:
    """The first family of every backend, then the others of those backends that are not behind. The one to take is held
    against its export."""

    def __init__(self, job: TimingJob, manifest: Manifest, say: Say) -> None:
        self._job, self._manifest, self._say = job, manifest, say
        self._devices: dict[str, RunInfo] = {}
        self.failed: dict[str, str] = {}
        self.checked: set[str] = set()
        self.damaged: set[str] = set()

    def held(self) -> tuple[dict[str, float], bool]:
        """ms of those that were timed, and whether the times are steady. Where all that ran to the end show too little,
        or one fails while it runs, the others begin again."""
        while left := [it for it in self._job.families if it not in self.failed]:
            checks = dict[str, Callable[[], None]]()
            with Race() as race:
                try:
                    finish = self._raced(race, left, checks)
                except EdgeError as error:
                    if race.failed is None:
                        raise
                    self.failed[race.failed] = str(error)
                    continue
                if self._one_shows_enough({it: finish.ms[it] for it in left if it in race.running}, checks):
                    return {it: ms for it, ms in finish.ms.items() if it not in self.failed}, finish.steady
        return {}, True

    def _raced(self, race: Race, left: Sequence[str], checks: dict[str, Callable[[], None]]) -> Finish:
        first = {select(self._manifest, it)[0].backend: it for it in reversed(left)}
        self._enter(race, [it for it in left if it in first.values()], checks)
        race.sift()
        self._enter(race, self._not_hopeless(race, left, first), checks)
        return race.finish()

    def _enter(self, race: Race, families: Sequence[str], checks: dict[str, Callable[[], None]]) -> None:
        """Open them, so many at once as the job says; where that is one, what runs is told before each run, too."""
        together = self._job.together
        with ThreadPoolExecutor(together) as pool:
            for at in range(0, len(families), together):
                batch = families[at : at + together]
                self._say(json.dumps(batch))
                for family, opened in zip(batch, pool.map(self._opened, batch), strict=True):
                    if isinstance(opened, EdgeError):
                        self._pass_over(family, opened)
                    else:
                        racer, checks[family] = opened
                        race.enter(racer)
        if together > 1:
            self._say(json.dumps(race.running))

    def _not_hopeless(self, race: Race, left: Sequence[str], first: Mapping[str, str]) -> list[str]:
        """The other families; not those of a backend whose first one is behind: in every precision it computes by the
        same kernels' kind."""
        found = []
        for family in (it for it in left if it not in first.values()):
            plain = first[select(self._manifest, family)[0].backend]
            if plain not in self.failed and (ratio := race.times_of_leader(plain)) > CLOSE:
                self.failed[family] = f"{plain} takes {ratio:.1f} times as long as {race.running[0]}"
            else:
                found.append(family)
        return found

    def _one_shows_enough(self, ms: Mapping[str, float], checks: Mapping[str, Callable[[], None]]) -> bool:
        """Of those that ran to the end. Without one that fails the next fastest is what the others are near to."""
        left = dict(ms)
        while left:
            if self._shows_enough(first := preferred(left)[0], checks[first]):
                return True
            del left[first]
        return False

    def _shows_enough(self, family: str, check: Callable[[], None]) -> bool:
        self._say(json.dumps([family]))
        try:
            check()
        except EdgeError as error:
            self._pass_over(family, error)
        else:
            self.checked.add(family)
        return family in self.checked

    def _pass_over(self, family: str, error: EdgeError) -> None:
        self.failed[family] = str(error)
        if _is_damage(error):
            self.damaged.add(family)

    def _opened(self, family: str) -> tuple[Racer, Callable[[], None]] | EdgeError:
        """The family's smallest tile on noise, and what tells whether it shows enough; or why it is passed over."""
        artifact = select(self._manifest, family)[0]
        bundle = Path(self._job.bundle)
        with ExitStack() as stack:
            tile = np.random.default_rng(0).random((1, 3, *artifact.tile), np.float32)
            try:
                run = self._runner(bundle, artifact, stack)
                run.infer(tile)
            except EdgeError as error:
                return error

            def once() -> None:
                if self._job.together == 1:
                    self._say(json.dumps([family]))
                run.infer(tile, checked=False)

            return Racer(family, once, stack.pop_all().close), partial(
                require_as_at_birth, bundle, self._manifest, artifact, run
            )

    def _runner(self, bundle: Path, artifact: Artifact, stack: ExitStack) -> Runner:
        """The artifact, open until the end of `stack`. Raises BackendError where it is not to be taken."""
        if idle := find_backend(artifact.backend).idle_here:
            raise BackendError(idle)
        told = self._devices.get(artifact.backend)
        lacking = told.lacks(artifact.precision) if told is not None else None
        if known := lacking or spoilt_here(artifact.backend, artifact.precision, self._job.device):
            raise BackendError(known)  # which compiling it would only show later
        options = RunOptions(self._job.device, self._job.threads, cache=self._job.cache)
        run = stack.enter_context(backend_runner(bundle, artifact, self._manifest.scale, options))
        self._devices[artifact.backend] = run.info
        if spoilt := run.info.precision_mismatch or run.info.caution:
            raise BackendError(spoilt)
        return run


def _is_damage(error: EdgeError) -> bool:
    """Whether it is the file's own fault, so that another copy of the bundle may be whole."""
    return isinstance(error, InputError) and not isinstance(error, UnfitError)


def require_as_at_birth(bundle: Path, manifest: Manifest, artifact: Artifact, run: Runner) -> None:
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
