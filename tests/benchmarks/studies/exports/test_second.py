"""The study of second exports: the same bytes, less time, and a row for each set of targets."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.records.study_file import read_study, write_study
from benchmarks.studies.exports import second
from benchmarks.studies.exports.second import SecondExport, Took, measure, table
from dlgsanet.errors import BackendError, GateError
from dlgsanet.storage.cache_folder import OFF


def test_a_small_network_is_exported_twice(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.delenv(OFF)
    found = measure(str(checkpoint), 1, {"one file": ("--to", "onnxruntime-fp32", "--tile", "20x24")})
    write_study(tmp_path / "study.json", found)
    assert read_study(SecondExport, tmp_path / "study.json") == found
    (row,) = found.rows
    assert row.first_cpu_s > row.second_cpu_s > 0 and row.ratio > 0
    assert "| `small` | one file |" in table([found])


def test_other_artifacts_and_failures_are_no_figures(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(BackendError, match="the export failed: dlgsanet: "):
        measure(str(tmp_path / "missing.pth"), 1, {"": ()})
    monkeypatch.setattr(second, "_export", lambda model, place, words, cache: Took(1.0, 1.0))
    made = iter([{"a": 1}, {"a": 2}])

    def manifest(place: Path) -> SimpleNamespace:
        return SimpleNamespace(artifacts=[SimpleNamespace(id="x", files=next(made))])

    monkeypatch.setattr(second, "read_manifest", manifest)
    with pytest.raises(GateError, match="other bytes"):
        measure("model", 1, {"": ()})
