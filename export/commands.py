"""The verbs of this room: `export` and `formats`. Heavy packages are imported when a verb runs."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from dlgsanet.command_line.streams import put_json
from dlgsanet.command_line.verbs import add_verb
from dlgsanet.command_line.voice import Voice, tell
from dlgsanet.errors import UnavailableError
from export.bundle.options import ExportRequest
from export.targets.choice import install_line, parse_targets
from export.targets.table import TARGETS
from export.targets.views import refused_targets, table_json

if TYPE_CHECKING:
    from pathlib import Path

    from runtimes.bundle.manifest import Manifest


@dataclass(frozen=True)
class FormatsOptions:
    """How the table is shown."""

    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False


def register(app: typer.Typer) -> None:
    """Add this room's verbs to the command."""
    add_verb(app, "export", ExportRequest, export, from_file=True)
    add_verb(app, "formats", FormatsOptions, formats)


def formats(options: FormatsOptions, voice: Voice) -> None:
    """Show what can be exported: backend, precision, and what each needs."""
    if options.as_json:
        put_json(table_json())
        return
    width = max(len(row.name) for row in TARGETS)
    lines = []
    for row in TARGETS:
        here = "installed" if not row.missing else f"missing {', '.join(row.missing)}: {install_line(row)}"
        hints = "".join(f", {key}={value}" for key, value in row.hints)
        lines.append(f"{row.name:<{width}}  {row.note}")
        lines.append(f"{'':<{width}}  lowering {row.lowering}{hints}; {row.files}; [{row.extras}] {here}")
    lines += [f"not {name}: {reason}" for name, reason in refused_targets().items()]
    tell(*lines)


def export(request: ExportRequest, voice: Voice) -> None:
    """Rewrite a checkpoint into friendly operators, prove it, and write a bundle of artifacts."""
    options = request.options
    asked = parse_targets(options.targets, options.precisions)
    if not options.targets and all(row.missing for row in asked):
        raise UnavailableError(f"no target's packages are installed here: {install_line(asked[0])}")
    from export.bundle.plan import plan_export
    from export.bundle.writer import write_bundle

    plan = plan_export(request.model, options, voice.note)
    with voice.progress() as step:
        manifest = write_bundle(plan, request.output, step)
    if request.as_json:
        put_json(_facts(manifest, request.output))
    elif not voice.quiet:
        _show(manifest, request.output, voice)


def _facts(manifest: Manifest, output: Path) -> dict[str, object]:
    from dlgsanet.storage.typed_json import to_json
    from runtimes.bundle.integrity import stored_bytes

    artifacts = [
        {
            "artifact": artifact.id,
            "path": artifact.path,
            "bytes": stored_bytes(output, artifact.files),
            "lowering": artifact.lowering,
            "rewrites": list(artifact.rewrites),
            "frames": [to_json(frame) for frame in artifact.frames],
        }
        for artifact in manifest.artifacts
    ]
    return {"bundle": str(output), "model": manifest.name, "scale": manifest.scale, "artifacts": artifacts}


def _show(manifest: Manifest, output: Path, voice: Voice) -> None:
    from rich.table import Table

    from dlgsanet.command_line.console import PlainConsole
    from runtimes.bundle.integrity import stored_bytes

    console = PlainConsole(stderr=True)
    table = Table("artifact", "MB", "lowering", "rewrites", "certificate")
    counted: set[str] = set()
    for artifact in manifest.artifacts:
        size = stored_bytes(output, artifact.files) / 1e6
        error = artifact.certificate.shown if artifact.certificate else ""
        shown = "same package" if artifact.path in counted else f"{size:.2f}"
        counted.add(artifact.path)
        table.add_row(artifact.id, shown, artifact.lowering, str(len(artifact.rewrites)), error)
    console.print(table)
    for artifact in manifest.artifacts:
        for frame in artifact.frames:
            voice.note(f"{artifact.id}: {frame.shown}")
    kinds = sorted({artifact.certificate.arithmetic for artifact in manifest.artifacts if artifact.certificate})
    voice.note(f"certificate: largest error against the reference in {' and '.join(kinds)}, relative to the output")
    voice.note(f"next: dlgsanet check {shlex.quote(str(output))}")
