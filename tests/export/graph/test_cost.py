from __future__ import annotations

from collections.abc import Callable

import onnx
import pytest

from dlgsanet.network.count import Size, true_macs
from dlgsanet.network.model import DLGSANet
from export.graph.cost import graph_macs
from export.graph.graph import Graph
from export.rewriting.rewrite import PASSES
from export.targets.table import Target
from export.tuning.lowering_trials import Variant, build_graph

MakeModel = Callable[..., DLGSANet]
TARGET = Target("onnxruntime", "fp32", (16, 12))


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
    assert graph_macs(Graph(onnx.helper.make_model(graph))) == 2 * 3 * 5 * 7
