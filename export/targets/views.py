"""The table of targets as others read it: Markdown for pages, JSON for programs."""

from __future__ import annotations

from typing import Any

from export.targets.table import DEFAULT_TILE, OPSETS, REFUSED, TARGETS


def markdown_table() -> str:
    """The table as Markdown, for the README."""
    lines = [
        "| target | needs | default lowering | files | |",
        "|---|---|---|---|---|",
    ]
    for row in TARGETS:
        lines.append(f"| `{row.name}` | `[{row.extras}]` | `{row.lowering}` | {row.files} | {row.note} |")
    return "\n".join(lines) + "\n"


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
    return {"targets": rows, "refused": refused, "opsets": list(OPSETS), "default_tile": list(DEFAULT_TILE)}
