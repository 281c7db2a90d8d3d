"""The driver: what is missing goes to the actors, what became of it comes back as lines of a record."""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from dlgsanet.command_line.voice import Voice
from dlgsanet.errors import InputError
from runtimes.bundle.manifest import read_manifest
from runtimes.machine.clock import now_ms
from runtimes.upscale.fleet import ENGINE
from runtimes.upscale.fleet.begun import end_counting
from runtimes.upscale.fleet.cluster import actors, cluster, families, threads_of_an_actor
from runtimes.upscale.fleet.estimate import FleetEstimate, estimate, sample
from runtimes.upscale.fleet.items import list_items, missing
from runtimes.upscale.fleet.outcomes import upscale_all
from runtimes.upscale.fleet.parcel import pack
from runtimes.upscale.fleet.record import DONE, FAILED, FileOutcome, recording
from runtimes.upscale.fleet.store import Store, as_url
from runtimes.upscale.fleet.worker import Task, require_fleet
from runtimes.upscale.options import UpscaleOptions


@dataclass(frozen=True)
class FleetDone:
    """What was done: `outcomes` of this run, how many results were there before, and where the record lies."""

    outcomes: tuple[FileOutcome, ...]
    there: int
    record: Path
    seconds: float

    def facts(self) -> dict[str, object]:
        """For programs."""
        status = Counter(one.status for one in self.outcomes)
        return {
            "done": status[DONE],
            "failed": status[FAILED],
            "there": self.there + len(self.outcomes) - status[DONE] - status[FAILED],
            "seconds": round(self.seconds, 3),
            "record": str(self.record),
        }

    def line(self) -> str:
        """For people."""
        facts = self.facts()
        return (
            f"{facts['done']} done in {self.seconds:.1f} s, {facts['there']} were there, {facts['failed']} failed; "
            f"record: {self.record}"
        )

    def require_all(self) -> None:
        """Raises InputError that tells how many failed, and where they are listed."""
        failed = [one for one in self.outcomes if one.status == FAILED]
        if failed:
            asked = len(self.outcomes)
            raise InputError(f"{len(failed)} of {asked} files were not upscaled, first '{failed[0].source}': "
                             f"{failed[0].reason}; all are listed in {self.record}")  # fmt: skip


def run_fleet(options: UpscaleOptions, voice: Voice) -> FleetDone | FleetEstimate:
    """Upscale all that is missing, on all machines; or only estimate it.

    A picture that cannot be upscaled is listed, and stops no other. Raises InputError (options, places, nothing to do),
    UnavailableError (no Ray, no cluster, no artifact that runs there) and BackendError.
    """
    require_fleet(options)
    ENGINE.load()
    assert options.bundle is not None
    bundle = options.bundle
    source, target = Store(as_url(options.inputs[0])), Store(as_url(options.output), secrets.token_hex(4))
    scale = read_manifest(bundle).scale
    items = list_items(source.files(), source.url, options.form, scale)
    todo = items if options.force else missing(items, target.files())
    there = len(items) - len(todo)
    todo = todo[: options.limit] if options.limit is not None else todo
    voice.note(f"{len(items)} files, {there} results are there, {len(todo)} to do")
    record = options.record or Path("upscaled.jsonl")
    if not todo:
        return FleetDone((), there, record, 0.0)
    with cluster(str(options.ray)) as ray:
        options = replace(options, threads=threads_of_an_actor(ray, options))
        parcel = ray.put(pack(bundle, options.artifact))
        task = Task(parcel, {}, options, source, target, not options.dry_run, f"dlgsanet-{target.job}")
        if options.artifact is None:
            task = replace(task, families=families(ray, task, voice))
        start = now_ms()
        try:
            if options.dry_run:
                outcomes = upscale_all(ray, task, sample(todo), voice, lambda outcome: None)
                return estimate(outcomes, len(todo), actors(ray, options))
            with recording(record) as write:
                done = upscale_all(ray, task, todo, voice, write)
        finally:
            end_counting(ray, task.counter)
        target.clear_parts()
        return FleetDone(tuple(done), there, record, (now_ms() - start) / 1e3)
