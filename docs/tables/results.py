"""The committed results that the tables are made of."""

from __future__ import annotations

from pathlib import Path

from benchmarks.records.result_file import ResultFile, read_result
from benchmarks.records.study_file import S, read_study

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
BASELINE = "torch-official"
"""The same checkpoint with its dynamic convolution through `F.unfold`: what a CPU user has today."""


def results(pattern: str) -> list[ResultFile]:
    """The committed result files whose name matches."""
    return [read_result(path) for path in sorted(RESULTS.glob(pattern))]


def study(kind: type[S], name: str) -> S:
    """The committed file of a study."""
    return read_study(kind, RESULTS / name)


def studies(kind: type[S], pattern: str) -> list[S]:
    """The committed files of a study whose name matches."""
    return [read_study(kind, path) for path in sorted(RESULTS.glob(pattern))]
