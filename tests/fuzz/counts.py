"""What fuzzing found, as it is kept in benchmarks/results and shown on the page of fuzzing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

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
    return counts_table(head, [astuple(row) for row in rows])


def counts_table(head: Sequence[str], rows: Sequence[tuple[object, ...]]) -> str:
    """A line for each row, which is a name and its numbers, and the sums."""
    cells = [[str(value) for value in row] for row in rows]
    sums = [str(sum(map(int, column))) for column in [*zip(*cells, strict=True)][1:]]
    return markdown_table(head, [*cells, ["all", *sums]])
