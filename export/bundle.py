"""The bundle writer: a checkpoint in, a directory of proven artifacts with their manifest out, or nothing."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dlgsanet import __version__
from dlgsanet.checkpoints import Checkpoint, build_model, read_checkpoint, save_checkpoint
from dlgsanet.imaging.atomic import new_directory, sha256_file
from dlgsanet.imaging.errors import InputError
from dlgsanet.network.model import DLGSANet
from export.artifacts import ArtifactWriter
from export.calibration import CalibrationOptions
from export.card import model_card
from export.lowerings import lowering
from export.memory import require_memory
from export.pack import write_pack
from export.targets import (
    DEFAULT_OPSET,
    DEFAULT_TILE,
    Row,
    Target,
    default_targets,
    installed_targets,
    parse_targets,
    require_packages,
)
from runtimes.manifest import MANIFEST, SCHEMA, Manifest, PackEntry, Reference, Source, manifest_json
from runtimes.tiling import DEFAULT_OVERLAP

Progress = Callable[[str], None]

CHECKPOINT = "reference/checkpoint.safetensors"
TOOLS = ("torch", "numpy", "onnx", "openvino", "nncf")  # whose versions go into the manifest, where installed


@dataclass(frozen=True)
class ExportOptions:
    """What to export.

    `targets` are names of `export.targets.TARGETS` (`openvino-bf16`) or backends; none means every target whose
    packages are installed here. `tiles` are (H, W) in LR pixels. `lowering` replaces each target's default form
    of the dynamic convolution, `activation` the attention's activation that the checkpoint states. `calibration` is
    what INT8 learns its ranges from. `force` replaces an existing bundle, once the new one is complete.
    """

    targets: tuple[str, ...] = ()
    tiles: tuple[tuple[int, int], ...] = (DEFAULT_TILE,)
    lowering: str | None = None
    opset: int = DEFAULT_OPSET
    activation: str | None = None
    calibration: CalibrationOptions = field(default_factory=CalibrationOptions)
    force: bool = False


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
    with new_directory(out, force=options.force, marker=MANIFEST) as bundle:
        manifest = _write(bundle, checkpoint, targets, options, say)
        say("writing the manifest")
        (bundle / "README.md").write_text(model_card(manifest), encoding="utf-8")
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
    targets = tuple(Target(row.backend, row.precision, tile, options.opset) for tile in tiles for row in rows)
    for tile in tiles:
        if min(tile) <= DEFAULT_OVERLAP:
            raise InputError(
                f"expected a tile larger than the {DEFAULT_OVERLAP} LR pixels that neighbouring tiles share, found "
                f"{tile[0]}x{tile[1]}: give a larger --tile"
            )
        require_memory(checkpoint.config, tile, options.lowering)
    return targets


def _write(
    bundle: Path, checkpoint: Checkpoint, targets: Sequence[Target], options: ExportOptions, say: Progress
) -> Manifest:
    model = build_model(checkpoint)
    tools = _tools()
    source = Source(checkpoint.name, checkpoint.sha256, asdict(checkpoint.config), dict(checkpoint.metadata))
    writer = ArtifactWriter(bundle, model, source, tools, options.lowering, options.calibration, say)
    artifacts = tuple(writer.write(target) for target in targets)
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
