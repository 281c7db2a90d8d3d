"""The committed results that the tables are made of."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from benchmarks.records.accuracy import AccuracyRecord
from benchmarks.records.result_file import ResultFile, read_result
from benchmarks.records.study_file import S, read_study
from dlgsanet.checkpoints import WEIGHTS
from dlgsanet.checkpoints.checkpoint import SAME_TENSORS
from dlgsanet.checkpoints.containers import read_container
from dlgsanet.storage.atomic import sha256_file

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
TILE = "128x128"
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


def network(record: AccuracyRecord) -> str:
    """The network's name; said where it was measured on weights that were shipped before those of today. (Times do not
    depend on weights.)"""
    shipped = WEIGHTS / f"{record.model}.safetensors"
    is_of_today = not shipped.is_file() or record.model_sha256 in _hashes(shipped)
    return record.model if is_of_today else f"{record.model} (earlier weights)"


@cache
def _hashes(weights: Path) -> tuple[str, ...]:
    """Of the file, and of the one with the same tensors that it was made of."""
    return sha256_file(weights), read_container(weights).metadata.get(SAME_TENSORS, "")
