"""The study's file and tables: every fault in every artifact, and the artifacts as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.records.gate_name import GateName
from benchmarks.records.study_file import StudyFile
from runtimes.file_formats.markdown import markdown_table

VISIBLE_LEVELS = 1.0
"""A fault is visible that changes some 8x8 patch by so many levels (root mean square), and by more than what the
precision does to 99 of 100 patches."""


@dataclass(frozen=True)
class CleanRow:
    """An artifact as it was exported: no gate may speak. `own`: its levels (see `FaultRow`)."""

    model: str
    artifact: str
    judged_by: str
    gate: GateName
    reason: str
    own: float


@dataclass(frozen=True)
class FaultRow:
    """One fault in one artifact. `levels`: the largest change of an 8x8 patch, root mean square; None where no picture
    came out. `named`: the figure that the gate named, empty where it passed."""

    model: str
    artifact: str
    fault: str
    levels: float | None
    visible: bool
    caught: bool
    named: str


@dataclass(frozen=True)
class FaultKind:
    """A fault in words, and how it was planted: `output`, `constants` or `run`."""

    name: str
    does: str
    how: Literal["output", "constants", "run"]


@dataclass(frozen=True)
class PlantedFaults(StudyFile):
    """The study's file."""

    faults: tuple[FaultKind, ...]
    clean: tuple[CleanRow, ...]
    rows: tuple[FaultRow, ...]


def summary_table(content: PlantedFaults) -> str:
    """A line for each artifact."""
    head = (
        "artifact", "judged by", "own error, levels", "faults", "visible", "visible and missed", "too small to see",
        "of these caught", "as exported",
    )  # fmt: skip
    lines = []
    for clean in content.clean:
        rows = [it for it in content.rows if (it.model, it.artifact) == (clean.model, clean.artifact)]
        seen, small = [it for it in rows if it.visible], [it for it in rows if not it.visible]
        missed = ", ".join(it.fault for it in seen if not it.caught) or "none"
        counts = (str(len(rows)), str(len(seen)), missed, str(len(small)), str(sum(it.caught for it in small)))
        cells = counts if rows else ("", "", "", "", "")
        lines.append((f"{clean.model} {clean.artifact}", clean.judged_by, f"{clean.own:.2f}", *cells, clean.gate))
    return markdown_table(head, lines)


def faults_table(content: PlantedFaults) -> str:
    """A line for each fault, over all artifacts."""
    head = ("fault", "what it does", "planted", "artifacts", "levels", "visible", "caught", "named most often")
    lines = []
    for kind in content.faults:
        rows = [it for it in content.rows if it.fault == kind.name]
        if not rows:
            continue
        seen = [it for it in rows if it.visible]
        lines.append((
            kind.name, kind.does, kind.how, str(len(rows)), _levels(rows), str(len(seen)),
            f"{sum(it.caught for it in seen)} of {len(seen)}" if seen else "", _most([it.named for it in rows]),
        ))  # fmt: skip
    return markdown_table(head, lines)


def _levels(rows: Sequence[FaultRow]) -> str:
    known = [it.levels for it in rows if it.levels is not None]
    return f"{min(known):.1f} to {max(known):.1f}" if known else "no picture"


def _most(names: Sequence[str]) -> str:
    told = [it for it in names if it]
    return max(dict.fromkeys(told), key=told.count) if told else ""
