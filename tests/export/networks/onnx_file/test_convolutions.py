"""Convolutions say all that they are, whatever the file left out."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from dlgsanet.errors import InputError
from export.networks.onnx_file.convolutions import with_stated_convolutions


def one(kernel: int, **attributes: object) -> onnx.ModelProto:
    weights = np.random.default_rng(0).standard_normal((2, 3, kernel, kernel)).astype(np.float32)
    node = helper.make_node("Conv", ["x", "w"], ["y"], name="c", **attributes)
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None, None, None]) for name in "xy"]
    graph = helper.make_graph([node], "g", ports[:1], ports[1:], [numpy_helper.from_array(weights, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"pads": [1, 0, 2, 1]},
        {"auto_pad": "SAME_UPPER"},
        {"auto_pad": "VALID", "strides": [2, 2]},
        {"dilations": [2, 2]},
    ],
)
def test_what_was_left_out_is_stated_and_changes_nothing(attributes: dict[str, object]) -> None:
    plain = one(3, **attributes)
    stated = with_stated_convolutions(plain)
    names = {it.name for it in stated.graph.node[0].attribute}
    assert names == {"kernel_shape", "strides", "dilations", "group", "pads"}
    x = np.random.default_rng(1).standard_normal((1, 3, 9, 8)).astype(np.float32)
    expected, found = (ReferenceEvaluator(model).run(None, {"x": x})[0] for model in (plain, stated))
    assert expected.shape == found.shape
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_padding_that_depends_on_the_size_is_refused() -> None:
    with pytest.raises(InputError, match="c: expected stated pads"):
        with_stated_convolutions(one(2, auto_pad="SAME_UPPER"))
