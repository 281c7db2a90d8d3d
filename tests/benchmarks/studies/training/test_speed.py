"""The study of training steps: every form in every round, and a table that says so."""

from __future__ import annotations

from pathlib import Path

from benchmarks.records.environment import describe_environment
from benchmarks.records.study_file import read_study, write_study
from benchmarks.studies.training.speed import DRAW, FORMS, Case, SpeedRow, TrainingSpeed, study, table
from dlgsanet.kernels.choice import operators_of
from dlgsanet.kernels.twins import Operators

SMALL = Case("nano", "fp32", 8, 2)


def test_all_forms_are_timed_in_the_same_rounds() -> None:
    drawn: list[int] = []
    rows = study(SMALL, runs=5, threads=1, draw=lambda: drawn.append(1))
    assert [row.form for row in rows] == ["plain", "c-filters-and-gate", "c", DRAW]
    assert all(len(row.samples_ms) == 5 and row.images_per_s > 0 for row in rows)
    assert rows[0].speedup == 1
    assert len(drawn) == 7  # warm-up too


def test_forms_differ_in_what_is_fused() -> None:
    c = operators_of("c")
    assert [form.operators for form in FORMS] == [Operators(), Operators(convolve=c.convolve, gate=c.gate), c]


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    row = SpeedRow(SMALL, "c", 1, (100.0, 101.0), 20.0, 1.5, 1.4, 1.6)
    write_study(tmp_path / "s.json", TrainingSpeed(describe_environment(), (row,)))
    assert read_study(TrainingSpeed, tmp_path / "s.json").rows == (row,)
    assert "| nano x4 | fp32 | 2 x 8 | `c` | 20.0 | 1.50 (1.40 to 1.60) |" in table([row])
