"""What every new artifact shows on the parity pack and the probe tiles, run in a process of its own.

`check` compares on any machine: another engine version, device or a changed file shows less than at birth.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dlgsanet.errors import EdgeError, InputError
from dlgsanet.imaging.files import read_rgb8
from dlgsanet.imaging.pixels import to_nchw
from dlgsanet.storage.json_text import parse
from dlgsanet.storage.shelf import Files
from dlgsanet.storage.typed_json import decode, encode, to_json
from export.machine.kept import NOTHING, Kept
from runtimes.backends.registry import backend_runner, find_backend, spoilt_here
from runtimes.bundle.artifact_facts import Birth, Shown
from runtimes.bundle.manifest import MANIFEST, Artifact, Manifest, manifest_json, read_manifest
from runtimes.machine.child import Job, ask, serve
from runtimes.runner.contract import RunInfo, Runner, RunOptions
from runtimes.runner.fidelity.birth import shown
from runtimes.runner.fidelity.probe_store import load_probes
from runtimes.runner.fidelity.probes import AT_BIRTH, probe
from runtimes.runner.ports import PICTURES, from_pixels, to_pixels
from runtimes.runner.tiling import Array

WHAT = "running the new artifacts"
ON_PROCESSOR = "CPU"
"""How every engine begins the name of the processor; what another device showed depends on more than we know."""

_KIND = "births"
PHOTOGRAPHS = 1
"""Of the pack: the first has edges, texture and flat areas. Every tile costs a run of every artifact, and an export is
not to become much slower."""


@dataclass(frozen=True)
class BirthJob:
    """What a process is asked: to run these artifacts of a bundle."""

    bundle: str
    artifacts: tuple[str, ...]


def with_births(bundle: Path, manifest: Manifest, say: Callable[[str], None], kept: Kept = NOTHING) -> Manifest:
    """The manifest of a finished bundle with what each artifact showed, or why it could not be run here. What the same
    files showed on this processor before is not run again."""
    (bundle / MANIFEST).write_text(manifest_json(manifest), encoding="utf-8")
    told = {it.id: _depends_on(manifest, it) for it in manifest.artifacts}
    births = {name: birth for name, parts in told.items() if (birth := _read(kept.recall(_KIND, parts))) is not None}
    for name in births:
        say(f"ran before: {name}")
    births |= _spoilt(manifest)
    if left := tuple(it.id for it in manifest.artifacts if it.id not in births):
        births |= _run(bundle, left, say)
    for name in left:
        if births[name].shown and births[name].device.startswith(ON_PROCESSOR):
            kept.keep(_KIND, told[name], {"": encode(births[name]).encode()})
    return replace(manifest, artifacts=tuple(replace(it, birth=births[it.id]) for it in manifest.artifacts))


def _spoilt(manifest: Manifest) -> dict[str, Birth]:
    """Those whose figures would be the processor's: they are not run."""
    told = {it.id: spoilt_here(it.backend, it.precision) for it in manifest.artifacts}
    return {name: Birth(not_run=why) for name, why in told.items() if why}


def _run(bundle: Path, names: tuple[str, ...], say: Callable[[str], None]) -> Mapping[str, Birth]:
    try:
        told = ask(Job("export.bundle.birth", to_json(BirthJob(str(bundle), names)), WHAT), say)
        return decode(Mapping[str, Birth], told, WHAT)  # type: ignore[type-abstract]
    except EdgeError as error:  # what was written is whole all the same; `check` says what is wrong with it
        say(f"warning: {error}")
        return dict.fromkeys(names, Birth(not_run=str(error)))


def _depends_on(manifest: Manifest, artifact: Artifact) -> tuple[str, ...]:
    """All that an artifact's figures depend on beside code, versions and processor: its files, and what it is given and
    held against."""
    of = (replace(artifact, birth=None), manifest.reference)
    return (*(json.dumps(to_json(it), sort_keys=True) for it in of), str(manifest.scale))


def _read(kept: Files | None) -> Birth | None:
    try:
        found = None if kept is None else decode(Birth, parse(kept[""], WHAT, ""), WHAT)
    except (KeyError, InputError):
        return None
    return found if found is not None and found.shown else None


def births(bundle: Path, say: Callable[[str], None], names: Collection[str]) -> dict[str, Birth]:
    """Run these artifacts of a bundle, those that can run in this process."""
    manifest = read_manifest(bundle)
    found: dict[str, Birth] = {}
    devices: dict[str, RunInfo] = {}
    for artifact in (it for it in manifest.artifacts if it.id in names):
        say(f"running {artifact.id}")
        try:
            found[artifact.id] = _birth(bundle, manifest, artifact, devices)
        except EdgeError as error:
            found[artifact.id] = Birth(not_run=str(error))
    return found


def _birth(bundle: Path, manifest: Manifest, artifact: Artifact, devices: dict[str, RunInfo]) -> Birth:
    """`devices`: what each backend said of its device; what that lacks is not compiled first."""
    if idle := find_backend(artifact.backend).idle_here or _lacking(artifact, devices.get(artifact.backend)):
        return Birth(not_run=idle)
    with backend_runner(bundle, artifact, manifest.scale, RunOptions(threads=1)) as run:
        info = devices[artifact.backend] = run.info
        if untold := info.lacking or info.precision_mismatch or info.caution:
            return Birth(not_run=untold)
        return Birth(info.device, info.versions, tuple(_all_shown(bundle, manifest, artifact, run)))


def _lacking(artifact: Artifact, told: RunInfo | None) -> str | None:
    return None if told is None else told.lacks(artifact.precision)


def _all_shown(bundle: Path, manifest: Manifest, artifact: Artifact, run: Runner) -> Iterator[Shown]:
    height, width = artifact.tile
    name = f"{height}x{width}"
    pictures = artifact.output.layout in PICTURES

    def one(title: str, sr: Array, reference: Array) -> Shown:
        return shown(title, sr, from_pixels(to_pixels(reference)) if pictures else reference)

    for entry in manifest.reference.entries[:PHOTOGRAPHS]:
        sr = run(to_nchw(read_rgb8(bundle / entry.lr)), manifest.reference.overlap, manifest.reference.fill)
        yield one(entry.name, sr, np.load(bundle / entry.sr[name], allow_pickle=False))
    if name in manifest.reference.probes:
        shape = (1, 3, height * manifest.scale, width * manifest.scale)
        stored = load_probes(bundle / manifest.reference.probes[name], AT_BIRTH, shape)
        yield from (one(title, run.infer(probe(title, artifact.tile)), sr) for title, sr in stored.items())


if __name__ == "__main__":

    def run(asked: object, say: Callable[[str], None]) -> object:
        job = decode(BirthJob, asked, WHAT)
        return to_json(births(Path(job.bundle), say, job.artifacts))

    serve(run)
