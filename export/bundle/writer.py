"""The bundle writer: a checkpoint in, a directory of proven artifacts with their manifest out, or nothing."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dlgsanet import __version__
from dlgsanet.checkpoints import Checkpoint, build_model, read_checkpoint, save_checkpoint
from dlgsanet.errors import InputError
from dlgsanet.imaging.files import read_rgb8
from dlgsanet.network.model import DLGSANet
from dlgsanet.storage.atomic import new_directory, sha256_file
from dlgsanet.storage.cache_folder import user_cache
from export.backends.coreml.functions import merge_packages
from export.backends.coreml.shapes import FIXED, FUNCTIONS, require_shapes
from export.backends.tensorrt.build_recipe import recipe
from export.bundle.artifact_writer import ArtifactWriter
from export.bundle.memory_estimate import require_memory
from export.bundle.model_card import model_card
from export.bundle.parity_pack import write_pack
from export.quantization.calibration_tiles import CalibrationOptions, image_paths
from export.quantization.layer_choice import SEARCHED, Int8
from export.quantization.layer_search import SearchLimits
from export.rewriting.low_rank_basis import Compression, compress
from export.rewriting.lowerings import lowering
from export.targets.choice import default_targets, installed_targets, parse_targets, require_packages
from export.targets.table import DEFAULT_DEPLOYMENT, DEFAULT_OPSET, DEFAULT_TILE, RTX_CAPABILITIES, Row, Target
from export.tuning.lowering_choice import Choice, Tuner, default_choice
from runtimes.bundle.manifest import MANIFEST, SCHEMA, Manifest, PackEntry, Reference, Source, manifest_json
from runtimes.runner.tiling import DEFAULT_OVERLAP

Progress = Callable[[str], None]

DEFAULT_MAX_DROP = 0.05
"""dB that an approximation may cost on its calibration images; the default gate of quantized precisions."""

CALIBRATION_IMAGES = 16  # of a folder, the first by name: each costs one run of the network per try

CHECKPOINT = "reference/checkpoint.safetensors"
# Whose versions go into the manifest, where installed.
TOOLS = ("torch", "numpy", "onnx", "onnxruntime", "openvino", "nncf", "coremltools", "tensorrt-rtx")


@dataclass(frozen=True)
class ExportOptions:
    """What to export.

    `targets` are names of `export.targets.table.TARGETS` (`openvino-bf16`) or backends; none means every target whose
    packages are installed here. `tiles` are (H, W) in LR pixels. `lowering` replaces each target's default form
    of the dynamic convolution, `tune` by the one that is fastest on this machine; `activation` replaces the
    attention's activation that the checkpoint states. `basis_rank` (a rank or `auto`) compresses the filters' basis,
    which is approximate, and holds `max_drop` dB on calibration images. `calibration` says from which images, and what
    INT8 learns its ranges from; `search` chooses its layers by measuring, within `max_drop`. `force` replaces an
    existing bundle, once the new one is complete. For Core ML: `image` also writes packages that take and give 8-bit
    pictures, `deployment` is the oldest system to run them, `shapes` (of export.backends.coreml.shapes) says whether
    several tiles are several packages or functions of one.
    """

    targets: tuple[str, ...] = ()
    tiles: tuple[tuple[int, int], ...] = (DEFAULT_TILE,)
    lowering: str | None = None
    tune: bool = False
    opset: int = DEFAULT_OPSET
    activation: str | None = None
    calibration: CalibrationOptions = field(default_factory=CalibrationOptions)
    basis_rank: int | str | None = None
    max_drop: float = DEFAULT_MAX_DROP
    search: bool = False
    force: bool = False
    image: bool = False
    deployment: str = DEFAULT_DEPLOYMENT
    shapes: str = FIXED


def export_bundle(
    model: str | Path, out: str | Path, options: ExportOptions | None = None, progress: Progress | None = None
) -> Manifest:
    """Export a checkpoint (shipped name or file) as a bundle at `out`; return its manifest.

    `progress` is called with one line per step. Everything is checked before the work begins, each rewrite is
    proven in float64, and the directory appears only when all of it is there. Raises InputError (checkpoint,
    target, tile, place), UnavailableError (a requested target's package is missing), GateError (a rewrite is
    not exact) or BackendError (a converter failed).
    """
    options = options or ExportOptions()
    say = progress or _silent
    rows = _rows(options, say)
    require_packages(rows)
    checkpoint = read_checkpoint(model, options.activation)
    targets = _targets(rows, options, checkpoint)
    if options.tune and options.lowering is not None:
        raise InputError(f"--tune chooses the lowering and --lowering gives it ({options.lowering}): give one of them")
    if options.search and not any(row.calibrated and row.backend in SEARCHED for row in rows):
        raise InputError("--search chooses INT8 layers, and no such target is asked for: add --precision int8-mixed")
    with new_directory(out, force=options.force, marker=MANIFEST) as bundle:
        manifest = _write(bundle, checkpoint, targets, options, say)
        say("writing the manifest")
        (bundle / "README.md").write_text(model_card(manifest), encoding="utf-8")
        if any(artifact.backend == "tensorrt" for artifact in manifest.artifacts):
            (bundle / "tensorrt" / "README.md").write_text(recipe(manifest), encoding="utf-8")
        (bundle / MANIFEST).write_text(manifest_json(manifest), encoding="utf-8")
    return manifest


def _rows(options: ExportOptions, say: Progress) -> tuple[Row, ...]:
    if options.targets:
        return parse_targets(options.targets, ())
    rows = installed_targets()
    for row in default_targets():
        if row not in rows:
            say(f"left out {row.name}: {', '.join(row.missing)} not installed")
    return rows


def _targets(rows: Sequence[Row], options: ExportOptions, checkpoint: Checkpoint) -> tuple[Target, ...]:
    """Every row at every tile, refused here if any of them cannot be."""
    if options.lowering is not None and not checkpoint.config.dynamic:
        raise InputError(
            f"{checkpoint.name} has static filters, so there is no dynamic convolution to lower: leave --lowering out"
        )
    if options.lowering is not None:
        lowering(options.lowering)
    tiles = tuple(dict.fromkeys(options.tiles))
    if not tiles or not rows:
        raise InputError("expected at least one target and one tile, found none: give --to and --tile")
    targets = tuple(target for tile in tiles for row in rows for target in _of_row(row, tile, options))
    if options.image and not any(target.image for target in targets):
        raise InputError("--image is about Core ML packages, found no such target: add --to coreml")
    require_shapes(options.shapes, targets)
    for tile in tiles:
        if min(tile) <= DEFAULT_OVERLAP:
            raise InputError(
                f"expected a tile larger than the {DEFAULT_OVERLAP} LR pixels that neighbouring tiles share, found "
                f"{tile[0]}x{tile[1]}: give a larger --tile"
            )
        require_memory(checkpoint.config, tile, options.lowering)
    return targets


def _of_row(row: Row, tile: tuple[int, int], options: ExportOptions) -> Iterator[Target]:
    """The artifacts of a row at a tile: one, for Core ML with pictures too if asked for, for TensorRT-RTX one a GPU."""
    target = Target(row.backend, row.precision, tile, options.opset, deployment=options.deployment)
    if row.backend == "tensorrt-rtx":
        yield from (replace(target, sm=capability) for capability in RTX_CAPABILITIES)
        return
    yield target
    if row.backend == "coreml" and options.image:
        yield replace(target, image=True)


def _write(
    bundle: Path, checkpoint: Checkpoint, targets: Sequence[Target], options: ExportOptions, say: Progress
) -> Manifest:
    model = build_model(checkpoint)
    tools = _tools()
    source = Source(checkpoint.name, checkpoint.sha256, asdict(checkpoint.config), dict(checkpoint.metadata))
    compression = _compressed(model, options, say)
    exported = model if compression is None else compression.model
    choose = _chooser(options, exported, say)
    with tempfile.TemporaryDirectory() as temporary:
        limits = SearchLimits(options.max_drop) if options.search else None
        int8 = Int8(user_cache() if options.search else Path(temporary), limits, say)
        writer = ArtifactWriter(bundle, exported, source, tools, choose, options.calibration, say, int8, compression)
        artifacts = tuple(writer.write(target) for target in targets)
    if options.shapes == FUNCTIONS:
        artifacts = merge_packages(bundle, artifacts, say)
    tiles = tuple(dict.fromkeys(target.tile for target in targets))
    entries = write_pack(model, tiles, bundle, say)
    return Manifest(
        schema=SCHEMA,
        name=checkpoint.name,
        scale=model.scale,
        source=source,
        tools=tools,
        artifacts=artifacts,
        reference=_reference(bundle, model, checkpoint, entries),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        calibration=writer.used_calibration(),
    )


def _compressed(model: DLGSANet, options: ExportOptions, say: Progress) -> Compression | None:
    if options.basis_rank is None:
        return None
    paths = image_paths(options.calibration.folder)[:CALIBRATION_IMAGES]
    pictures = {path.name: read_rgb8(path) for path in paths}
    return compress(model, pictures, options.basis_rank, options.max_drop, say)


def _chooser(options: ExportOptions, model: DLGSANet, say: Progress) -> Callable[[Target], Choice]:
    if options.tune:
        return Tuner(model, user_cache(), say)
    given = options.lowering
    return default_choice if given is None else lambda target: Choice(given, "given")


def _reference(bundle: Path, model: DLGSANet, checkpoint: Checkpoint, entries: tuple[PackEntry, ...]) -> Reference:
    save_checkpoint(bundle / CHECKPOINT, model, checkpoint.metadata)
    paths = [CHECKPOINT]
    for entry in entries:
        paths += [entry.lr, entry.hr, *entry.sr.values()]
    files = {path: sha256_file(bundle / path) for path in paths}
    return Reference(CHECKPOINT, DEFAULT_OVERLAP, entries, files)


def _tools() -> dict[str, str]:
    found = {"dlgsanet-edge": __version__, "python": platform.python_version()}
    for name in TOOLS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # not installed: nothing in the bundle was made with it
    return found


def _silent(step: str) -> None:
    """Progress for callers that want none."""
