"""What killing found, as it is kept in benchmarks/results and shown on the page of fuzzing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

from benchmarks.records.study_file import StudyFile
from tests.fuzz.counts import counts_table


@dataclass(frozen=True)
class KillRow:
    """Moments of one verb, by signal, and how many of them went wrong: a process lived on (`outlived`), a final name
    held half a file (`half_written`), the exit code was neither 130 nor that of a finished run (`wrong_codes`), the
    same command failed afterwards (`not_resumed`) or gave something else (`differs`), temporary names were left.
    `went_on`: in how many of them that command kept finished work."""

    verb: str
    sigkill: int
    sigterm: int
    sigint: int
    outlived: int
    half_written: int
    wrong_codes: int
    not_resumed: int
    differs: int
    debris: int
    went_on: int | None = None  # where the command always begins anew


@dataclass(frozen=True)
class KillCounts(StudyFile):
    """The file of a run. Places follow from the seed; what a signal meets there is the machine's."""

    seed: int
    rows: tuple[KillRow, ...]


WRONG = tuple(each.name for each in fields(KillRow))[4:-1]


def kill_table(rows: Sequence[KillRow]) -> str:
    """A line for each verb, and the sum."""
    head = ["verb", "SIGKILL", "SIGTERM", "SIGINT", *(name.replace("_", " ") for name in WRONG), "went on"]
    shown = len(head) if all(row.went_on is not None for row in rows) else -1
    return counts_table(head[:shown], [astuple(row)[:shown] for row in rows])
