"""The bench: a caught fault and a clean pass, measured sizes, and a stopped study that goes on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from benchmarks.studies.planted_faults.bench import Bench, Journal, run
from benchmarks.studies.planted_faults.catalogue import FAULTS, kind
from benchmarks.studies.planted_faults.fault import OutputFault
from benchmarks.studies.planted_faults.gate import Replayed, patches
from benchmarks.studies.planted_faults.plant import Place
from benchmarks.studies.planted_faults.study import PlantedFaults, faults_table, summary_table

NAMED = {fault.name: fault for fault in FAULTS}


def test_there_are_enough_faults_and_each_has_a_name_of_its_own() -> None:
    assert len(FAULTS) >= 60 and len(NAMED) == len(FAULTS)
    assert {kind(it).how for it in FAULTS} == {"output", "constants", "run"}
    assert all(kind(it).does for it in FAULTS)


def test_a_patch_is_measured_in_levels() -> None:
    error = np.zeros((1, 3, 16, 24), np.float32)
    error[:, :, :8, 8:16] = 2 / 255
    assert sorted(patches(error).round(3).tolist()) == [0, 0, 0, 0, 0, 2]


@pytest.mark.parametrize("target", ["onnxruntime-fp32", "openvino-fp32"])
def test_a_clean_artifact_passes_and_faults_are_caught(
    bench: Bench, artifacts: Mapping[str, Place], target: str
) -> None:
    place = artifacts[target]
    clean = Replayed(place.runner())
    row = bench.clean(place, clean)
    assert (row.gate, row.reason) == ("pass", "") and row.own[3] < 1
    for name in ("tint", "half a pixel", "sign lost", "a sixth brighter", "infinity"):
        found = bench.planted(NAMED[name], place, clean, row.own)
        assert found is not None and found.visible and found.caught and found.named, name
    clean.end()


def test_what_nobody_sees_is_said(bench: Bench, artifacts: Mapping[str, Place]) -> None:
    place = artifacts["onnxruntime-fp32"]
    clean = Replayed(place.runner())
    bench.clean(place, clean)
    little = OutputFault("little", "a tenth of a level", lambda tail: tail.add(tail.sr, 0.1 / 255))
    row = bench.planted(little, place, clean, (0, 0, 0, 0))
    assert row is not None and not row.visible and row.levels is not None
    assert row.levels[3] == pytest.approx(0.1, abs=0.01)
    strong = bench.planted(NAMED["brighter"], place, clean, (1.1, 1.1, 1.1, 1.1))
    assert strong is not None and not strong.visible  # the precision itself does more
    clean.end()


def test_a_stopped_study_goes_on(bench: Bench, artifacts: Mapping[str, Place], tmp_path: Path) -> None:
    place, journal = artifacts["onnxruntime-fp32"], Journal(tmp_path / "rows.jsonl")
    told: list[str] = []
    run(bench, [place], [NAMED["tint"]], journal, told.append)
    assert len(told) == 2
    run(bench, [place], [NAMED["tint"], NAMED["bgr"], NAMED["ranges halved"]], journal, told.append)
    assert len(told) == 4 and "bgr" in told[-1]
    clean, rows = journal.rows()
    assert [it.fault for it in rows] == ["tint", "bgr"] and len(clean) == 1
    content = PlantedFaults(tuple(map(kind, FAULTS)), tuple(clean), tuple(rows))
    assert "| 2 | 2 | none | 0 | 0 | pass |" in summary_table(content)
    assert faults_table(content).count("1 of 1") == 2
