"""The bundle writer: a network in, a directory of proven artifacts with their manifest out, or nothing."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from dlgsanet import __version__
from dlgsanet.storage.atomic import new_directory, sha256_file
from export.backends.backend import Finished
from export.backends.registry import backends, sources, timed_tools, tools
from export.bundle.artifact_writer import ArtifactWriter
from export.bundle.birth import with_births
from export.bundle.frame_tiles import FrameTiles
from export.bundle.model_card import model_card
from export.bundle.options import ExportOptions
from export.bundle.parity_pack import write_pack, write_probes
from export.bundle.pixel_costs import with_pixel_costs
from export.bundle.plan import ExportPlan, Progress, plan_export, refuse
from export.machine.fingerprint import fingerprint, installed
from export.machine.kept import Kept, kept_here
from export.networks.network import PreparedNetwork
from export.quantization.layer_choice.choose import Int8
from export.quantization.layer_choice.search import SearchLimits
from runtimes.bundle.manifest import MANIFEST, SCHEMA, Artifact, Manifest, PackEntry, Reference, manifest_json
from runtimes.bundle.replaceable import require_bundle_alone, require_outside_bundles
from runtimes.runner.overlap import DEFAULT_FILL, DEFAULT_OVERLAP


def export_bundle(
    model: str | Path, out: str | Path, options: ExportOptions | None = None, progress: Progress | None = None
) -> Manifest:
    """Export a network (shipped name or file) as a bundle at `out`; return its manifest.

    `progress` is called with one line per step. Everything is checked before the work begins, each rewrite is
    proven in float64, and the directory appears only when all of it is there. Raises InputError (network,
    target, tile, place), UnavailableError (a requested target's package is missing), GateError (a rewrite is
    not exact) or BackendError (a converter failed).
    """
    say = progress or _silent
    return write_bundle(plan_export(model, options or ExportOptions(), say), out, say)


def write_bundle(plan: ExportPlan, out: str | Path, say: Progress) -> Manifest:
    """Run a plan: `say` hears each step. Raises InputError (place), GateError and BackendError."""
    require_outside_bundles(Path(out))
    with new_directory(out, force=plan.options.force, require_ours=require_bundle_alone) as bundle:
        network = plan.network.prepare(plan.options.of_network, say)
        kept = kept_here(plan.options.cache, tools(), sources())
        manifest = _write(bundle, network, plan, say, kept)
        manifest = with_births(bundle, manifest, say, kept)
        say("writing the manifest")
        (bundle / "README.md").write_text(model_card(manifest), encoding="utf-8")
        (bundle / MANIFEST).write_text(manifest_json(manifest), encoding="utf-8")
    return manifest


def _write(bundle: Path, network: PreparedNetwork, plan: ExportPlan, say: Progress, kept: Kept) -> Manifest:
    options = plan.options
    versions = {"dlgsanet-edge": __version__, "python": platform.python_version(), **installed(tools())}
    tiles = FrameTiles(network, options.of_targets, say, kept).choose_all(plan.rows, plan.shapes)
    targets = plan.with_tiles(list(tiles))
    refuse(targets, options)
    with tempfile.TemporaryDirectory() as temporary:
        limits = SearchLimits(options.max_drop) if options.search else None
        int8 = Int8(Path(temporary), limits, say, fingerprint(timed_tools()), kept)
        writer = ArtifactWriter(bundle, network, versions, options.calibration, say, int8, tiles, kept)
        for target in targets:
            writer.require(target)
        artifacts = tuple(writer.write(target) for target in targets)
    artifacts = _finished(bundle, network.source.name, artifacts, options, say)
    artifacts = with_pixel_costs(bundle, artifacts, network.scale, say, kept)
    sizes = tuple(dict.fromkeys(target.tile for target in targets))

    def once(told: Sequence[str | bytes], make: Callable[[], bytes]) -> bytes:
        return kept.once("references", (network.identity, *told), lambda: {"": make()})[""]

    entries = write_pack(network.reference, network.scale, sizes, bundle, say, once)
    probes = write_probes(network.reference, sizes, bundle, say, once)
    return Manifest(
        schema=SCHEMA,
        name=network.source.name,
        scale=network.scale,
        source=network.source,
        tools=versions,
        artifacts=artifacts,
        reference=_reference(bundle, network, entries, probes),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        calibration=writer.used_calibration(),
    )


def _finished(
    bundle: Path, model: str, artifacts: Sequence[Artifact], options: ExportOptions, say: Progress
) -> tuple[Artifact, ...]:
    """What each backend makes of its artifacts once all are written, in the order that they had."""
    made: dict[str, Artifact] = {}
    for backend in backends():
        own = tuple(artifact for artifact in artifacts if artifact.backend == backend.name)
        if own:
            finished = backend.after(Finished(bundle, model, own, options.of_targets, say))
            made |= {artifact.id: artifact for artifact in finished}
    return tuple(made[artifact.id] for artifact in artifacts)


def _reference(
    bundle: Path, network: PreparedNetwork, entries: tuple[PackEntry, ...], probes: Mapping[str, str]
) -> Reference:
    stored = network.store(bundle)
    paths = [*stored, *probes.values()]
    for entry in entries:
        paths += [entry.lr, entry.hr, *entry.sr.values()]
    files = {path: sha256_file(bundle / path) for path in paths}
    return Reference(stored[0], DEFAULT_OVERLAP, entries, files, probes, DEFAULT_FILL)


def _silent(step: str) -> None:
    """Progress for callers that want none."""
