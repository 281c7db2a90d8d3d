"""Operators in float64 are those of ONNX Runtime, with more digits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from export.networks.arithmetic.operators import OPERATORS
from export.networks.arithmetic.widen import ALL_TO_DOUBLE, widened

RNG = np.random.default_rng(0)
Constants = list["np.ndarray | None"]


def network(operator: str, constants: Constants, how: dict[str, Any]) -> onnx.ModelProto:
    names = [f"c{index}" if value is not None else "" for index, value in enumerate(constants)]
    held = [numpy_helper.from_array(value, name) for name, value in zip(names, constants, strict=True) if name]
    graph = helper.make_graph(
        [helper.make_node(operator, ["x", *names], ["y"], **how)],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 9, 12])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        held,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def f32(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def by(scale: float) -> Constants:
    return [None, np.asarray([1, 1, scale, scale], np.float32)]


CASES: list[tuple[str, Constants, dict[str, Any]]] = [
    ("Conv", [f32(6, 4, 3, 3), f32(6)], {"pads": [1, 0, 2, 1]}),
    ("Conv", [f32(6, 2, 3, 3)], {"group": 2, "dilations": [2, 2], "strides": [1, 2], "pads": [2, 2, 2, 2]}),
    ("Conv", [f32(6, 4, 3, 3)], {"auto_pad": "SAME_UPPER"}),
    ("ConvTranspose", [f32(4, 3, 4, 4), f32(3)], {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ("ConvTranspose", [f32(4, 1, 3, 3)], {"strides": [2, 2], "group": 2, "output_padding": [1, 1]}),
    ("Erf", [], {}),
    ("MaxPool", [], {"kernel_shape": [3, 2], "strides": [2, 2]}),
    ("MaxPool", [], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    ("AveragePool", [], {"kernel_shape": [3, 3], "strides": [3, 3]}),
    ("AveragePool", [], {"kernel_shape": [2, 2]}),
    *(
        ("Resize", by(scale), {"mode": mode, "coordinate_transformation_mode": places})
        for scale in (2.0, 3.0, 0.5)
        for mode in ("nearest", "linear", "cubic")
        for places in ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners")
    ),
    *(
        ("Resize", by(2.0), {"mode": "nearest", "nearest_mode": it, "coordinate_transformation_mode": "asymmetric"})
        for it in ("floor", "ceil", "round_prefer_ceil")
    ),
    ("Resize", [None, None, np.asarray([1, 4, 20, 30], np.int64)], {"mode": "linear"}),
]


@pytest.mark.parametrize(("operator", "constants", "how"), CASES)
def test_it_is_what_onnx_runtime_computes(operator: str, constants: Constants, how: dict[str, Any]) -> None:
    ort = pytest.importorskip("onnxruntime")
    model = network(operator, constants, how)
    x = f32(1, 4, 9, 12)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"x": x})
    wide = ReferenceEvaluator(widened(model, ALL_TO_DOUBLE), new_ops=list(OPERATORS))
    (found,) = wide.run(None, {"x": x.astype(np.float64)})
    assert found.dtype == np.float64 and found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-5)
    if operator == "Erf":
        assert found[0, 0, 0, 0] == pytest.approx(math.erf(float(x[0, 0, 0, 0])), abs=1e-15)
