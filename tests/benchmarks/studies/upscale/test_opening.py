"""The study of opening: three ways, the same picture, and a row for each artifact."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.records.study_file import read_study, write_study
from benchmarks.studies.upscale import opening
from benchmarks.studies.upscale.opening import OpeningRow, OpeningTimes, measure, table
from dlgsanet.errors import GateError
from dlgsanet.storage.cache_folder import OFF
from export import ExportOptions, export_bundle


@pytest.fixture
def bundle(checkpoint: Path, tmp_path: Path) -> Path:
    pytest.importorskip("onnxruntime")
    options = ExportOptions(targets=("onnxruntime-fp32",), tiles=((20, 24),), cache=False)
    export_bundle(checkpoint, tmp_path / "bundle", options)
    return tmp_path / "bundle"


def test_an_artifact_is_opened_in_three_ways(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OFF)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    found = measure(bundle, ["onnxruntime"], 2)
    write_study(tmp_path / "study.json", found)
    assert read_study(OpeningTimes, tmp_path / "study.json") == found
    (row,) = found.rows
    assert row.artifact == "onnxruntime-fp32-20x24" and min(row.without_ms, row.first_ms, row.kept_ms) > 0
    assert os.environ["XDG_CACHE_HOME"] == str(tmp_path / "mine") and not (tmp_path / "mine").exists()


def test_another_picture_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = iter([b"one", b"one", b"another"])

    class Picture:
        def tobytes(self) -> bytes:
            return next(pictures)

    monkeypatch.setattr(opening, "clear", lambda kind: 0)
    monkeypatch.setattr(opening, "_opened", lambda bundle, name, cache: (1.0, Picture()))
    with pytest.raises(GateError, match="another picture"):
        opening._round(Path(), "x")


def test_the_table_has_a_row_for_each_artifact() -> None:
    rows = (OpeningRow("x-fp32-1x1", 40.4, 50.0, 20.2, 0.5),)
    lines = table([OpeningTimes("nano-x4", "M, 2 cores", 7, rows)]).splitlines()
    assert lines[2] == "| `nano-x4` | `x-fp32-1x1` | M, 2 cores | 40 | 50 | 20 | **0.50** |"
