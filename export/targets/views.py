"""The table of targets as others read it: Markdown for pages, JSON for programs."""

from __future__ import annotations

from export.targets.row import OPSETS
from export.targets.table import BROKEN, REFUSED, TARGETS
from runtimes.file_formats.markdown import markdown_table
from runtimes.runner.overlap import DEFAULT_TILE


def targets_table() -> str:
    """The table as Markdown, for the pages."""
    rows = [(f"`{row.name}`", row.note, f"`[{row.extras}]`", f"`{row.lowering}`", row.files) for row in TARGETS]
    return markdown_table(("target", "what", "needs", "default lowering", "files"), rows)


def table_json() -> dict[str, object]:
    """The table for programs: `dlgsanet formats --json`."""
    rows = [
        {
            "target": row.name,
            "backend": row.backend,
            "precision": row.precision,
            "extra": row.extra,
            "packages": list(row.packages),
            "missing": list(row.missing),
            "calibrated": row.calibrated,
            "hints": dict(row.hints),
            "lowering": row.lowering,
            "files": row.files,
            "note": row.note,
            "on_request": row.on_request,
        }
        for row in TARGETS
    ]
    return {
        "targets": rows,
        "refused": refused_targets(),
        "opsets": list(OPSETS),
        "default_tile": list(DEFAULT_TILE),
    }


def refused_targets() -> dict[str, str]:
    """Name -> why there is no such target, or why a backend of others cannot be used."""
    return {f"{backend}-{precision}": reason for (backend, precision), reason in REFUSED.items()} | dict(BROKEN)
