"""The tiny network is what its recipe makes, and exact in half precisions."""

from __future__ import annotations

import numpy as np
import pytest

from runtimes.probe_network import MODEL, TOLERANCE, example, expected, weight


def test_the_probe_is_the_network_that_its_recipe_makes():
    """How `runtimes/probe_network/tiny.onnx` was made: written here, since devices have no onnx package."""
    onnx = pytest.importorskip("onnx")
    nodes = [
        onnx.helper.make_node("Conv", ["lr", "weight"], ["maps"], pads=[1, 1, 1, 1]),
        onnx.helper.make_node("DepthToSpace", ["maps"], ["sr"], blocksize=2, mode="CRD"),
    ]
    lr, sr = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, size, size])
        for name, size in (("lr", 8), ("sr", 16))
    )
    weights = [onnx.numpy_helper.from_array(weight(), "weight")]
    graph = onnx.helper.make_graph(nodes, "probe", [lr], [sr], weights)
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    assert onnx.load(MODEL) == made


def test_half_precisions_hold_the_probe_exactly():
    for values in (weight(), example()):
        assert np.array_equal(values.astype(np.float16).astype(np.float32), values)
        assert np.array_equal((values.view(np.uint32) & 0xFFFF0000).view(np.float32), values)  # bf16
    assert expected().std() > 20 * TOLERANCE
