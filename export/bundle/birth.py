"""What every new artifact shows on the parity pack and the probe tiles, run in a process of its own.

`check` compares on any machine: another engine version, device or a changed file shows less than at birth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from dlgsanet.errors import EdgeError
from dlgsanet.imaging.files import read_rgb8, to_nchw
from dlgsanet.storage.typed_json import decode, to_json
from runtimes.backends.registry import backend_runner, find_backend
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
PHOTOGRAPHS = 1
"""Of the pack: the first has edges, texture and flat areas. Every tile costs a run of every artifact, and an export is
not to become much slower."""


def with_births(bundle: Path, manifest: Manifest, say: Callable[[str], None]) -> Manifest:
    """The manifest of a finished bundle with what each artifact showed, or why it could not be run here."""
    (bundle / MANIFEST).write_text(manifest_json(manifest), encoding="utf-8")
    try:
        told = ask(Job("export.bundle.birth", str(bundle), WHAT), say)
        births: Mapping[str, Birth] = decode(Mapping[str, Birth], told, WHAT)  # type: ignore[type-abstract]
    except EdgeError as error:  # what was written is whole all the same; `check` says what is wrong with it
        say(f"warning: {error}")
        births = {it.id: Birth(not_run=str(error)) for it in manifest.artifacts}
    return replace(manifest, artifacts=tuple(replace(it, birth=births[it.id]) for it in manifest.artifacts))


def births(bundle: Path, say: Callable[[str], None]) -> dict[str, Birth]:
    """Run every artifact of a bundle that can run in this process."""
    manifest = read_manifest(bundle)
    found: dict[str, Birth] = {}
    devices: dict[str, RunInfo] = {}
    for artifact in manifest.artifacts:
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
        if lacking := info.lacking or info.precision_mismatch:
            return Birth(not_run=lacking)
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
    serve(lambda bundle, say: to_json(births(Path(str(bundle)), say)))
