from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.records.environment import describe_environment
from benchmarks.studies.lowering_ablation import Ablation, read_ablation, rows_of, table
from dlgsanet.errors import InputError
from dlgsanet.storage.typed_json import encode

ANSWER = [
    {"target": "a", "variant": "all", "lowering": "basis", "onnx_nodes": 9, "macs": 10**9, "samples_ms": [2.0] * 5},
    {"target": "a", "variant": "less", "lowering": "basis", "onnx_nodes": 12, "macs": 10**9, "samples_ms": [3.0] * 5},
    {"target": "a", "variant": "none", "lowering": "basis", "reason": "no graph form"},
]


def test_ratios_are_to_the_first_variant_of_the_target() -> None:
    rows = rows_of([*ANSWER, {**ANSWER[0], "target": "b", "samples_ms": [8.0] * 5}])
    assert [row.ratio for row in rows] == [1.0, 1.5, None, 1.0]
    assert rows[2].reason == "no graph form" and rows[2].p50_ms is None


def test_a_result_comes_back_and_makes_a_table(tmp_path: Path) -> None:
    result = Ablation(1, "passes", "m", (8, 8), 2, 5, describe_environment(), tuple(rows_of(ANSWER)))
    (tmp_path / "a.json").write_text(encode(result))
    assert read_ablation(tmp_path / "a.json") == result
    lines = table(result).splitlines()
    assert lines[0] == "| passes | ONNX nodes | GMAC | a, ms |"
    assert lines[3] == "| less | 12 | 1.00 | 3.0 (1.50 x) |" and "no graph without it" in lines[4]


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"schema": 1}))
    with pytest.raises(InputError, match="missing"):
        read_ablation(tmp_path / "a.json")
