"""The study's file and tables: every fault in every artifact, and the artifacts as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.records.gate_name import GateName
from benchmarks.records.study_file import StudyFile
from runtimes.file_formats.markdown import markdown_table

VISIBLE_LEVELS = 1.0
VISIBLE_TIMES = 2.0
"""A fault is visible that changes 8x8 patches by VISIBLE_LEVELS (root mean square) or more, and by VISIBLE_TIMES what
the precision itself does or more, both at the same rank: the median patch, the 90th or 99th percentile, or the largest.
What is less is lost in the precision's own error, and in the room that the limits leave it."""


@dataclass(frozen=True)
class CleanRow:
    """An artifact as it was exported: no gate may speak. `own`: how far it is from the reference, in levels: its median
    8x8 patch, the 90th and 99th percentile, and the largest."""

    model: str
    artifact: str
    judged_by: str
    gate: GateName
    reason: str
    own: tuple[float, float, float, float]


@dataclass(frozen=True)
class FaultRow:
    """One fault in one artifact. `levels`: what it changes, as `own`; None where no picture came out. `named`: the
    figure that the gate named, empty where it passed."""

    model: str
    artifact: str
    fault: str
    levels: tuple[float, float, float, float] | None
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


def is_visible(levels: Sequence[float], own: Sequence[float]) -> bool:
    """Whether a fault shows above what the precision does (VISIBLE_LEVELS, VISIBLE_TIMES)."""
    pairs = zip(levels, own, strict=True)
    return any(found >= VISIBLE_LEVELS and found >= VISIBLE_TIMES * usual for found, usual in pairs)


def summary_table(content: PlantedFaults) -> str:
    """A line for each artifact."""
    head = (
        "artifact", "judged by", "own error, levels: 99 % / largest", "faults", "visible", "visible and missed",
        "too small to see", "of these caught", "as exported",
    )  # fmt: skip
    lines = []
    for clean in content.clean:
        rows = [it for it in content.rows if (it.model, it.artifact) == (clean.model, clean.artifact)]
        seen, small = [it for it in rows if it.visible], [it for it in rows if not it.visible]
        missed = ", ".join(it.fault for it in seen if not it.caught) or "none"
        counts = (str(len(rows)), str(len(seen)), missed, str(len(small)), str(sum(it.caught for it in small)))
        cells = counts if rows else ("", "", "", "", "")
        lines.append(
            (
                f"{clean.model} {clean.artifact}",
                clean.judged_by,
                f"{clean.own[2]:.2f} / {clean.own[3]:.2f}",
                *cells,
                clean.gate,
            )
        )
    return markdown_table(head, lines)


def faults_table(content: PlantedFaults) -> str:
    """A line for each fault, over all artifacts."""
    head = (
        "fault",
        "what it does",
        "planted",
        "artifacts",
        "largest patch, levels",
        "visible",
        "caught",
        "named most often",
    )
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
    known = [it.levels[3] for it in rows if it.levels is not None]
    return f"{min(known):.1f} to {max(known):.1f}" if known else "no picture"


def _most(names: Sequence[str]) -> str:
    told = [it for it in names if it]
    return max(dict.fromkeys(told), key=told.count) if told else ""
