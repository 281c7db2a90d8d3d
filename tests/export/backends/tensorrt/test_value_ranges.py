"""Ranges: the largest value of every tensor, against NumPy, and by block."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from dlgsanet.errors import BackendError
from export.backends.tensorrt.value_ranges import by_block, largest_values
from export.graph.graph import Graph


def model(kind: str = "Mul") -> onnx.ModelProto:
    nodes = [
        helper.make_node("Sub", ["lr", "c"], ["low"], name="low"),
        helper.make_node(kind, ["low", "low"], ["square"], name="square"),
        helper.make_node("Shape", ["square"], ["shape"], name="shape"),
        helper.make_node("Reshape", ["square", "shape"], ["sr"], name="sr"),
    ]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 2, 2]) for name in ("lr", "sr")]
    graph = helper.make_graph(
        nodes, "g", ports[:1], ports[1:], [numpy_helper.from_array(np.float32(3) * np.ones(1, np.float32), "c")]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def test_negative_values_count_and_integers_do_not() -> None:
    tile = np.linspace(0, 1, 12, dtype=np.float32).reshape(1, 3, 2, 2)
    made = model()
    before = made.SerializeToString()
    assert largest_values(Graph(made), tile) == {"low": 3.0, "square": 9.0, "sr": 9.0}
    assert made.SerializeToString() == before  # the given graph is not touched


def test_what_overflows_is_told() -> None:
    assert largest_values(Graph(model()), np.full((1, 3, 2, 2), 1e30, np.float32))["square"] == np.inf


def test_a_graph_that_cannot_run_is_a_line() -> None:
    with pytest.raises(BackendError, match="cannot run the graph"):
        largest_values(Graph(model()), np.zeros((1, 3, 2, 3), np.float32))


def test_blocks_have_short_names() -> None:
    found = by_block(
        {
            "deep_feature_extraction.0.body.3.norm1.Div": 2.0,
            "deep_feature_extraction.0.body.3.ffn.Mul": 5.0,
            "deep_feature_extraction.1.Add": 1.0,
            "deep_feature_extraction.12.body.10.Conv": 4.0,
            "upsample.0.Conv": 3.0,
            "sr": 7.0,
        }
    )
    assert found == {"g0b3": 5.0, "g1": 1.0, "g12b10": 4.0, "upsample": 3.0, "sr": 7.0}
