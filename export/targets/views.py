"""The table of targets as others read it: Markdown for pages, JSON for programs."""

from __future__ import annotations

from typing import Any

from export.targets.row import DEFAULT_TILE, OPSETS
from export.targets.table import BROKEN, REFUSED, TARGETS
from runtimes.file_formats.markdown import markdown_table


def targets_table() -> str:
    """The table as Markdown, for the pages."""
    rows = [(f"`{row.name}`", row.note, f"`[{row.extras}]`", f"`{row.lowering}`", row.files) for row in TARGETS]
    return markdown_table(("target", "what", "needs", "default lowering", "files"), rows)


def table_json() -> dict[str, Any]:
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
    refused = {f"{backend}-{precision}": reason for (backend, precision), reason in REFUSED.items()}
    return {
        "targets": rows,
        "refused": {**refused, **BROKEN},
        "opsets": list(OPSETS),
        "default_tile": list(DEFAULT_TILE),
    }
