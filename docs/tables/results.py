"""The committed results that the tables are made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.records.result_file import ResultFile, read_result

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
BASELINE = "torch-official"
"""The same checkpoint with its dynamic convolution through `F.unfold`: what a CPU user has today."""


def results(pattern: str) -> list[ResultFile]:
    """The committed result files whose name matches."""
    return [read_result(path) for path in sorted(RESULTS.glob(pattern))]


def contents(pattern: str) -> list[dict[str, Any]]:
    """The same for the files of studies, which have shapes of their own."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob(pattern))]


def signless_zero(decibels: float) -> str:
    """Four digits; a loss too small for them has no sign."""
    return f"{round(decibels, 4) + 0.0:.4f}"
