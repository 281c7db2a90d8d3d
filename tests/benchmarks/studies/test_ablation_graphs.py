from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from benchmarks.studies.ablation_graphs import ALL, answer, lowering_variants, measure, pass_variants
from dlgsanet.network.count import Size, true_macs
from dlgsanet.network.model import DLGSANet
from export.backends.registry import graph_macs
from export.rewriting.rewrite import PASSES, passes_for
from export.targets.table import LOWERINGS, Target
from export.tuning.lowering_trials import Variant, build_graph

MakeModel = Callable[..., DLGSANet]
TARGET = Target("onnxruntime", "fp32", (16, 12))


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
    graph = build_graph(make_model(), TARGET, Variant("v", "basis", (left_out,))).graph
    assert not [node.name for node in graph.node if node.op_type in ("ReduceMax", "Abs")]  # rows by their peaks


def test_a_variant_without_a_graph_says_why_and_the_others_are_timed(make_model: MakeModel) -> None:
    variants = [Variant(ALL, "basis"), Variant("x", "basis", ("unroll-tlc",)), Variant("y", "basis", ("turn-stream",))]
    rows = measure(make_model(), TARGET, variants, runs=2, threads=1)
    assert [len(row.get("samples_ms", ())) for row in rows] == [2, 0, 2]
    assert "passes" in rows[1]["reason"] and rows[2]["onnx_nodes"] > rows[0]["onnx_nodes"]


def test_a_job_is_answered_by_rows(checkpoint: Path) -> None:
    job = {"model": str(checkpoint), "targets": ["onnxruntime-fp32"], "tile": [16, 12], "kind": "lowerings"}
    rows = answer({**job, "runs": 1, "threads": 1})
    assert [row["lowering"] for row in rows] == list(LOWERINGS)
    assert all(row["samples_ms"] for row in rows)


@pytest.mark.parametrize("lowering", ["shift", "unfold"])
def test_multiply_adds_of_a_graph_are_those_of_the_network(make_model: MakeModel, lowering: str) -> None:
    """What is not a convolution or a product is not counted: `shift` lacks the 49 products of each channel."""
    model = make_model()
    lacking = {"layer-norm-nchw", "fold-norm-affine", "slice-gdfn", "unroll-tlc", "split-qkv", "expose-filters"}
    kept = lacking | {"lower-dynamic-conv", "split-gdfn", "scale-after-matmul"}
    without = tuple(step.name for step in PASSES if step.name not in kept)
    graph = build_graph(model, TARGET, Variant("v", lowering, without))
    pixels, channels = 16 * 12, model.config.channels
    expected = true_macs(model.config, Size(16, 12)) - 49 * channels * pixels
    expected += 49 * 49 * channels * pixels if lowering == "unfold" else 0  # the one-hot filters
    assert graph_macs(graph) == expected


def test_a_matrix_product_counts_rows_columns_and_depth() -> None:
    make = onnx.helper.make_tensor_value_info
    node = onnx.helper.make_node("MatMul", ["a", "b"], ["c"])
    ports = [make(name, 1, shape) for name, shape in (("a", [2, 3, 5]), ("b", [2, 5, 7]), ("c", [2, 3, 7]))]
    graph = onnx.helper.make_graph([node], "g", ports[:2], ports[2:])
    assert graph_macs(onnx.helper.make_model(graph)) == 2 * 3 * 5 * 7
