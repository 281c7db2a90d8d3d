"""The study of second exports: the same bytes, less time, and a row for each set of targets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.records.study_file import read_study, write_study
from benchmarks.studies.exports import second
from benchmarks.studies.exports.second import WANTED, SecondExport, Took, TwoExports, joined, main, measure, table
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


def test_rows_of_the_same_machine_and_rounds_stay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plain, int8 = (TwoExports(what, *[1.0] * 6) for what in WANTED)
    before = SecondExport("nano-x4", "here", 3, (plain,))
    found = replace(before, rows=(int8,))
    assert joined(found, before).rows == joined(before, found).rows == (plain, int8)
    assert joined(replace(before, rows=(replace(plain, first_s=2.0),)), before).rows[0].first_s == 2.0
    for other in ({"rounds": 1}, {"machine": "there"}, {"model": "tiny-x4"}):
        assert joined(found, replace(before, **other)) == found
    write_study(tmp_path / "study.json", before)
    monkeypatch.setattr(second, "measure", lambda model, rounds, wanted: found)
    main("nano-x4", tmp_path / "study.json", 3, "INT8")
    assert read_study(SecondExport, tmp_path / "study.json").rows == (plain, int8)
    main("nano-x4", tmp_path / "study.json", 3, None)
    assert read_study(SecondExport, tmp_path / "study.json") == found
