"""The bundle writer: a checkpoint in, a directory of proven artifacts with their manifest out, or nothing."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path

from dlgsanet import __version__
from dlgsanet.checkpoints import Checkpoint, build_model, save_checkpoint
from dlgsanet.imaging.files import read_rgb8
from dlgsanet.network.model import DLGSANet
from dlgsanet.storage.atomic import new_directory, sha256_file
from dlgsanet.storage.cache_folder import user_cache
from export.backends.backend import Finished
from export.backends.registry import backends, timed_tools, tools
from export.bundle.artifact_writer import ArtifactWriter
from export.bundle.birth import with_births
from export.bundle.model_card import model_card
from export.bundle.options import ExportOptions
from export.bundle.parity_pack import write_pack, write_probes
from export.bundle.plan import ExportPlan, Progress, plan_export
from export.machine.fingerprint import fingerprint, installed
from export.quantization.benchmark_images import benchmarks_among, warning
from export.quantization.calibration_tiles import image_paths
from export.quantization.layer_choice import Int8
from export.quantization.layer_search import SearchLimits
from export.rewriting.low_rank_basis import Compression, compress
from export.targets.table import Target
from export.tuning.lowering_choice import Tuner, default_choice
from runtimes.bundle.artifact_facts import FormChoice
from runtimes.bundle.manifest import MANIFEST, SCHEMA, Artifact, Manifest, PackEntry, Reference, Source, manifest_json
from runtimes.runner.overlap import DEFAULT_OVERLAP

CALIBRATION_IMAGES = 16  # of a folder, the first by name: each costs one run of the network per try

CHECKPOINT = "reference/checkpoint.safetensors"


def export_bundle(
    model: str | Path, out: str | Path, options: ExportOptions | None = None, progress: Progress | None = None
) -> Manifest:
    """Export a checkpoint (shipped name or file) as a bundle at `out`; return its manifest.

    `progress` is called with one line per step. Everything is checked before the work begins, each rewrite is
    proven in float64, and the directory appears only when all of it is there. Raises InputError (checkpoint,
    target, tile, place), UnavailableError (a requested target's package is missing), GateError (a rewrite is
    not exact) or BackendError (a converter failed).
    """
    say = progress or _silent
    return write_bundle(plan_export(model, options or ExportOptions(), say), out, say)


def write_bundle(plan: ExportPlan, out: str | Path, say: Progress) -> Manifest:
    """Run a plan: `say` hears each step. Raises InputError (place), GateError and BackendError."""
    with new_directory(out, force=plan.options.force, marker=MANIFEST) as bundle:
        manifest = _write(bundle, plan.checkpoint, plan.targets, plan.options, say)
        manifest = with_births(bundle, manifest, say)
        say("writing the manifest")
        (bundle / "README.md").write_text(model_card(manifest), encoding="utf-8")
        (bundle / MANIFEST).write_text(manifest_json(manifest), encoding="utf-8")
    return manifest


def _write(
    bundle: Path, checkpoint: Checkpoint, targets: Sequence[Target], options: ExportOptions, say: Progress
) -> Manifest:
    model = build_model(checkpoint)
    versions = {"dlgsanet-edge": __version__, "python": platform.python_version(), **installed(tools())}
    source = Source(checkpoint.name, checkpoint.sha256, asdict(checkpoint.config), dict(checkpoint.metadata))
    compression = _compressed(model, options, say)
    exported = model if compression is None else compression.model
    choose = _chooser(options, exported, say)
    with tempfile.TemporaryDirectory() as temporary:
        limits = SearchLimits(options.max_drop) if options.search else None
        int8 = Int8(user_cache() if options.search else Path(temporary), limits, say, fingerprint(timed_tools()))
        writer = ArtifactWriter(bundle, exported, source, versions, choose, options.calibration, say, int8, compression)
        artifacts = tuple(writer.write(target) for target in targets)
    artifacts = _finished(bundle, checkpoint.name, artifacts, options, say)
    tiles = tuple(dict.fromkeys(target.tile for target in targets))
    entries = write_pack(model, tiles, bundle, say)
    probes = write_probes(model, tiles, bundle, say)
    return Manifest(
        schema=SCHEMA,
        name=checkpoint.name,
        scale=model.scale,
        source=source,
        tools=versions,
        artifacts=artifacts,
        reference=_reference(bundle, model, checkpoint, entries, probes),
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


def _compressed(model: DLGSANet, options: ExportOptions, say: Progress) -> Compression | None:
    if options.basis_rank is None:
        return None
    paths = image_paths(options.calibration.folder)[:CALIBRATION_IMAGES]
    pictures = {path.name: read_rgb8(path) for path in paths}
    known = benchmarks_among(options.calibration.folder, pictures.values())
    if known:
        say(f"warning: {warning(known)}")
    return replace(compress(model, pictures, options.basis_rank, options.max_drop, say), benchmarks=known)


def _chooser(options: ExportOptions, model: DLGSANet, say: Progress) -> Callable[[Target], FormChoice]:
    if options.tune:
        return Tuner(model, user_cache(), say)
    given = options.lowering
    return default_choice if given is None else lambda target: FormChoice(given, "given")


def _reference(
    bundle: Path,
    model: DLGSANet,
    checkpoint: Checkpoint,
    entries: tuple[PackEntry, ...],
    probes: Mapping[str, str],
) -> Reference:
    save_checkpoint(bundle / CHECKPOINT, model, checkpoint.metadata)
    paths = [CHECKPOINT, *probes.values()]
    for entry in entries:
        paths += [entry.lr, entry.hr, *entry.sr.values()]
    files = {path: sha256_file(bundle / path) for path in paths}
    return Reference(CHECKPOINT, DEFAULT_OVERLAP, entries, files, probes)


def _silent(step: str) -> None:
    """Progress for callers that want none."""
