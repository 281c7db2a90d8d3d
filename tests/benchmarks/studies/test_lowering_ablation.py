from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.records.environment import describe_environment
from benchmarks.records.study_file import read_study, write_study
from benchmarks.studies.lowering_ablation import (
    ALL,
    Ablation,
    lowering_variants,
    measure,
    measured,
    pass_variants,
    rows_of,
    table,
)
from dlgsanet.checkpoints import load_model
from dlgsanet.errors import InputError
from dlgsanet.network.model import DLGSANet
from export.rewriting.rewrite import passes_for
from export.targets.row import LOWERINGS
from export.targets.table import Target
from export.tuning.lowering_trials import Variant, build_graph

MakeModel = Callable[..., DLGSANet]
TARGET = Target("onnxruntime", "fp32", (16, 12))

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
    result = Ablation("passes", "m", (8, 8), 2, 5, describe_environment(), tuple(rows_of(ANSWER)))
    write_study(tmp_path / "a.json", result)
    assert read_study(Ablation, tmp_path / "a.json") == result
    lines = table(result).splitlines()
    assert lines[0] == "| passes | ONNX nodes | GMAC | a, ms |"
    assert lines[3] == "| less | 12 | 1.00 | 3.0 (1.50 x) |" and "no graph without it" in lines[4]


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"schema": 1}))
    with pytest.raises(InputError, match="missing"):
        read_study(Ablation, tmp_path / "a.json")


def test_every_pass_that_does_something_is_left_out_once() -> None:
    variants = pass_variants(TARGET)
    assert variants[0] == Variant(ALL, "basis")
    idle = {"fold-input-mean", "factor-filters"}
    assert [variant.without[0] for variant in variants[1:]] == [
        p.name for p in passes_for(TARGET) if p.name not in idle
    ]
    assert [variant.lowering for variant in lowering_variants()] == list(LOWERINGS)


@pytest.mark.parametrize("left_out", ["turn-stream", "scale-after-matmul"])
def test_a_variant_gets_no_pass_of_fp16_targets_instead(make_model: MakeModel, left_out: str) -> None:
    graph = build_graph(make_model(), TARGET, Variant("v", "basis", (left_out,))).model.graph
    assert not [node.name for node in graph.node if node.op_type in ("ReduceMax", "Abs")]  # rows by their peaks


def test_a_variant_without_a_graph_says_why_and_the_others_are_timed(make_model: MakeModel) -> None:
    variants = [Variant(ALL, "basis"), Variant("x", "basis", ("unroll-tlc",)), Variant("y", "basis", ("turn-stream",))]
    rows = measure(make_model(), TARGET, variants, runs=2, threads=1)
    assert [len(row.get("samples_ms", ())) for row in rows] == [2, 0, 2]
    assert "passes" in rows[1]["reason"] and rows[2]["onnx_nodes"] > rows[0]["onnx_nodes"]


def test_every_target_gives_its_rows(checkpoint: Path) -> None:
    rows = measured(load_model(checkpoint), ["onnxruntime-fp32"], (16, 12), "lowerings", runs=1, threads=1)
    assert [row["lowering"] for row in rows] == list(LOWERINGS)
    assert all(row["samples_ms"] for row in rows)
