"""Every float of a file becomes a wide one, and nothing else."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.networks.arithmetic.widen import ALL_TO_DOUBLE, HALF_TO_SINGLE, widened


def small() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Constant", [], ["two"], value=numpy_helper.from_array(np.float32(2))),
        helper.make_node("Cast", ["x"], ["half"], to=TensorProto.FLOAT16),
        helper.make_node("Cast", ["half"], ["y"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["y", "two"], ["z"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1])],
        [numpy_helper.from_array(np.asarray([1], np.int64), "places")],
    )
    return helper.make_model(graph)


def kinds(model: onnx.ModelProto) -> list[int]:
    """Of the input, the constant, and what the casts give."""
    graph = model.graph
    casts = [node.attribute[0].i for node in graph.node[1:3]]
    return [graph.input[0].type.tensor_type.elem_type, graph.node[0].attribute[0].t.data_type, *casts]


def test_which_floats_become_which() -> None:
    assert kinds(widened(small(), HALF_TO_SINGLE)) == [TensorProto.FLOAT] * 4
    made = widened(small(), ALL_TO_DOUBLE)
    assert kinds(made) == [TensorProto.DOUBLE] * 4
    assert made.graph.initializer[0].data_type == TensorProto.INT64
    assert kinds(small())[2] == TensorProto.FLOAT16
