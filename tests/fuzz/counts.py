"""What fuzzing found, as it is kept in benchmarks/results and shown on the page of fuzzing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.records.study_file import StudyFile
from runtimes.file_formats.markdown import markdown_table


@dataclass(frozen=True)
class FuzzRow:
    """One kind of input. `read` and `refused` are right; `crashes` (the process died), `hangs` (over 10 s of CPU),
    `tracebacks` (an error that is none of the project's), `wrong_codes` (the project's error, but exit code 70) and
    `disagreements` (the onnx package says otherwise) are not."""

    kind: str
    tried: int
    read: int
    refused: int
    crashes: int
    hangs: int
    tracebacks: int
    wrong_codes: int
    disagreements: int


@dataclass(frozen=True)
class FuzzCounts(StudyFile):
    """The file of a run: all follows from the seed and the number of inputs of each kind."""

    seed: int
    rows: tuple[FuzzRow, ...]


def fuzz_table(rows: Sequence[FuzzRow]) -> str:
    """A line for each kind, and the sum."""
    head = ["input", "tried", "read", "refused", "crashes", "hangs over 10 s", "tracebacks", "wrong codes", "disagree"]
    cells = [[r.kind, *_numbers(r)] for r in rows]
    return markdown_table(head, [*cells, ["all", *_sums([_numbers(r) for r in rows])]])


def _numbers(r: FuzzRow) -> list[str]:
    found = (r.tried, r.read, r.refused, r.crashes, r.hangs, r.tracebacks, r.wrong_codes, r.disagreements)
    return [str(number) for number in found]


def _sums(rows: Sequence[Sequence[str]]) -> list[str]:
    return [str(sum(int(cell) for cell in column)) for column in zip(*rows, strict=True)]
