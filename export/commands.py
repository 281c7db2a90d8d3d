"""The verbs of this room: `export` and `formats`. Heavy packages are imported when a verb runs."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.network.config import ACTIVATIONS
from export.backends.coreml.shapes import FIXED, SHAPES
from export.targets.choice import install_line, parse_targets, parse_tile, require_packages, target_names
from export.targets.row import DEFAULT_DEPLOYMENT, DEPLOYMENTS, LOWERINGS
from export.targets.table import TARGETS
from export.targets.views import table_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from export.bundle.options import ExportOptions
    from export.targets.row import Row
    from runtimes.bundle.manifest import Manifest


def register(app: typer.Typer) -> None:
    """Add this room's verbs to the command."""
    app.command("export")(export)
    app.command("formats")(formats)


def formats(
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """Show what can be exported: backend, precision, and what each needs."""
    if as_json:
        sys.stdout.write(json.dumps(table_json(), indent=2) + "\n")
        return
    width = max(len(row.name) for row in TARGETS)
    lines = []
    for row in TARGETS:
        here = "installed" if not row.missing else f"missing {', '.join(row.missing)}: {install_line(row)}"
        hints = "".join(f", {key}={value}" for key, value in row.hints)
        lines.append(f"{row.name:<{width}}  {row.note}")
        lines.append(f"{'':<{width}}  lowering {row.lowering}{hints}; {row.files}; [{row.extras}] {here}")
    lines += [f"not {name}: {reason}" for name, reason in table_json()["refused"].items()]
    sys.stdout.write("\n".join(lines) + "\n")


def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A shipped name (nano-x4) or a .safetensors or .pth file.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="BUNDLE", help="Folder to make.")],
    to: Annotated[
        list[str] | None,
        typer.Option(metavar="TARGET", help=f"One of {', '.join(target_names())}; may be repeated."),
    ] = None,
    precision: Annotated[
        list[str] | None, typer.Option(help="Only this precision of the targets; may be repeated.")
    ] = None,
    tile: Annotated[
        list[str] | None,
        typer.Option(metavar="SIZE", help="LR pixels, 128 or 128x96 (height x width); may be repeated."),
    ] = None,
    lowering: Annotated[
        str | None, typer.Option(help=f"Form of the dynamic convolution: {', '.join(LOWERINGS)}.")
    ] = None,
    tune: Annotated[
        bool, typer.Option("--tune", help="Time the forms of the dynamic convolution here and take the fastest.")
    ] = False,
    basis_rank: Annotated[
        str | None,
        typer.Option(metavar="N|auto", help="Approximate: fewer basis filters in every block; judged by `check`."),
    ] = None,
    max_drop: Annotated[
        float,
        typer.Option(metavar="DB", help="With --basis-rank or --search: what it may cost on the calibration images."),
    ] = 0.05,
    activation: Annotated[
        str | None,
        typer.Option(help=f"Of the attention map, if the file does not say: {', '.join(ACTIVATIONS)}."),
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="HR images that INT8 and --basis-rank learn from. Default: scikit-image's."),
    ] = None,
    calibration_tiles: Annotated[int, typer.Option(help="How many tiles of them.")] = 96,
    search: Annotated[
        bool, typer.Option("--search", help="Choose the INT8 layers by measuring here: the fastest within --max-drop.")
    ] = False,
    image: Annotated[
        bool, typer.Option("--image", help="Core ML: also packages that take and give 8-bit pictures, for apps.")
    ] = False,
    deployment: Annotated[
        str, typer.Option(help=f"Core ML: the oldest system that must run it, {', '.join(DEPLOYMENTS)}.")
    ] = DEFAULT_DEPLOYMENT,
    shapes: Annotated[
        str, typer.Option(help=f"Core ML: {'; '.join(f'{name}: {what}' for name, what in SHAPES.items())}.")
    ] = FIXED,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing bundle.")] = False,
) -> None:
    """Rewrite a checkpoint into friendly operators, prove it, and write a bundle of artifacts."""
    from rich.console import Console

    console = Console(stderr=True)
    rows = parse_targets(to or (), precision or ())
    if not to:  # nothing was named: what is not installed is left out, and said
        rows = _installed(rows, console)
        if not rows:
            missing = TARGETS[0]
            raise UnavailableError(f"no target's packages are installed here: {install_line(missing)}")
    require_packages(rows)
    if calibration is not None and basis_rank is None and not any(row.calibrated for row in rows):
        raise InputError(
            "--calibration is for INT8 targets and --basis-rank, and neither is asked for: add --precision int8 or "
            "leave it out"
        )
    from export.bundle.options import ExportOptions
    from export.quantization.calibration_tiles import CalibrationOptions
    from export.rewriting.low_rank_basis import parse_rank
    from export.targets.row import DEFAULT_TILE

    options = ExportOptions(
        targets=tuple(row.name for row in rows),
        tiles=tuple(parse_tile(text) for text in tile) if tile else (DEFAULT_TILE,),
        lowering=lowering,
        tune=tune,
        activation=activation,
        basis_rank=parse_rank(basis_rank),
        max_drop=max_drop,
        calibration=CalibrationOptions(calibration or "", calibration_tiles),
        search=search,
        force=force,
        image=image,
        deployment=deployment,
        shapes=shapes,
    )
    manifest = _export_with_progress(model, output, options, console)
    _summary(manifest, output, console)


def _installed(rows: Sequence[Row], console: Console) -> tuple[Row, ...]:
    for row in rows:
        if row.missing:
            _plain(console, f"left out {row.name}: needs {', '.join(row.missing)} ({install_line(row)})")
    return tuple(row for row in rows if not row.missing)


def _export_with_progress(model: str, output: Path, options: ExportOptions, console: Console) -> Manifest:
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from export.bundle.writer import export_bundle
    from runtimes.machine.clock import now_ms

    if not console.is_terminal:  # a log: one line per step, with the seconds since the start
        start = now_ms()
        return export_bundle(
            model, output, options, lambda step: _plain(console, f"{(now_ms() - start) / 1000:6.1f} s  {step}")
        )
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("reading the checkpoint", total=None)
        return export_bundle(model, output, options, lambda step: progress.update(task, description=step))


def _plain(console: Console, text: str) -> None:
    """One line as it is: no wrapping, and brackets are no markup."""
    console.print(text, soft_wrap=True, markup=False, highlight=False)


def _summary(manifest: Manifest, output: Path, console: Console) -> None:
    from rich.table import Table

    from runtimes.bundle.integrity import stored_bytes

    table = Table("artifact", "MB", "lowering", "rewrites", "certificate")
    counted: set[str] = set()
    for artifact in manifest.artifacts:
        size = stored_bytes(output, artifact.files) / 1e6
        error = artifact.certificate.shown if artifact.certificate else ""
        shown = "same package" if artifact.path in counted else f"{size:.2f}"
        counted.add(artifact.path)
        table.add_row(artifact.id, shown, artifact.lowering, str(len(artifact.rewrites)), error)
    console.print(table)
    _plain(console, "certificate: largest error against the reference in float64, relative to the output")
    _plain(console, f"next: dlgsanet check {shlex.quote(str(output))}")
