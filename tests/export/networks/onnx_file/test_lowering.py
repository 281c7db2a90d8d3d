"""Every rule on a small graph: the operator is gone, and ONNX Runtime computes the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.graph.build import max_rank
from export.networks.onnx_file.lowering import lowered

_I = np.int64
RNG = np.random.default_rng(0)


def graph(
    shape: Sequence[int], *nodes: tuple[str, Sequence[str], Mapping[str, object]], **constants: np.ndarray
) -> onnx.ModelProto:
    """x of this shape -> node after node, each called by its place -> y."""
    made = [
        helper.make_node(kind, inputs, [f"n{at}"], name=f"n{at}", **how) for at, (kind, inputs, how) in enumerate(nodes)
    ]
    for node in made:
        node.output.extend(["places"] if node.op_type == "TopK" else [])
    made[-1].output[0] = "y"
    ports = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape), helper.make_empty_tensor_value_info("y")]
    ports[1].type.tensor_type.elem_type = TensorProto.FLOAT
    held = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    whole = helper.make_graph(made, "g", ports[:1], ports[1:], held)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)


def run(model: onnx.ModelProto) -> np.ndarray:
    (port,) = model.graph.input
    shape = [dim.dim_value for dim in port.type.tensor_type.shape.dim]
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    found: np.ndarray = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    return found


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


WINDOWS = ([1, 8, 12, 3], ("Reshape", ["x", "s"], {}), ("Transpose", ["n0"], {"perm": [0, 1, 3, 2, 4, 5]}))
CASES: dict[str, tuple[onnx.ModelProto, list[str]]] = {
    "norm": (
        graph(
            [1, 3, 4, 4],
            ("BatchNormalization", ["x", "g", "b", "m", "v"], {"epsilon": 1e-3}),
            g=np.float32([1, 2, 3]), b=np.float32([3, 2, 1]), m=np.float32([0.1, 0.2, 0.3]), v=np.float32([1, 0.5, 2]),
        ),
        ["Mul", "Add"],
    ),
    "gemm": (
        graph(
            [2, 3], ("Gemm", ["x", "w", "b"], {"transB": 1}),
            w=RNG.random((5, 3), np.float32), b=RNG.random(5, np.float32),
        ),
        ["MatMul", "Add"],
    ),
    "squeeze": (graph([1, 3, 4, 4], ("Squeeze", ["x", "a"], {}), a=np.array([0], _I)), ["Reshape"]),
    "unsqueeze": (graph([3, 4], ("Unsqueeze", ["x", "a"], {}), a=np.array([1], _I)), ["Reshape"]),
    "flatten": (graph([2, 3, 4], ("Flatten", ["x"], {"axis": 2})), ["Reshape"]),
    "windows": (
        graph(*WINDOWS, ("Reshape", ["n1", "t"], {}), s=np.array([1, 2, 4, 3, 4, 3], _I), t=np.array([-1, 16, 3], _I)),
        ["Reshape", "Transpose", "Reshape"],
    ),
    "windows-normed": (
        graph(
            *WINDOWS, ("LayerNormalization", ["n1", "g"], {}), ("Reshape", ["n2", "t"], {}),
            s=np.array([1, 2, 4, 3, 4, 3], _I), g=np.float32([1, 2, 3]), t=np.array([-1, 16, 3], _I),
        ),
        ["Reshape", "Transpose", "Reshape", "LayerNormalization", "Reshape"],
    ),
    "no-move": (
        graph([2, 1, 3, 1, 4], ("Transpose", ["x"], {"perm": [1, 0, 2, 4, 3]})), ["Reshape", "Transpose", "Reshape"],
    ),
    "slab": (
        graph(
            [1, 6, 4, 4], ("Slice", ["x", "begin", "end", "axis"], {}), ("ScatterND", ["x", "places", "n0"], {}),
            begin=np.array([3], _I), end=np.array([5], _I), axis=np.array([1], _I),
            places=np.array([[[0, 1], [0, 2]]], _I),
        ),
        ["Slice", "Slice", "Slice", "Concat"],
    ),
    "largest": (graph([2, 5], ("TopK", ["x", "one"], {"axis": 1}), one=np.array([1], _I)), ["ReduceMax"]),
    "overlapping": (
        graph([1, 3, 9], ("Gather", ["x", "places"], {"axis": 2}), places=np.array([[0, 1, 2], [4, 5, 6]], _I)),
        ["Gather", "Reshape"],
    ),
    "products": (graph([2, 3, 4], ("Einsum", ["x", "x"], {"equation": "bid, bjd -> ijb"})), []),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_it_computes_the_same(name: str) -> None:
    before, expected = CASES[name]
    after = lowered(before)
    onnx.checker.check_model(after, full_check=True)
    np.testing.assert_allclose(run(after), run(before), rtol=1e-5, atol=1e-6)
    assert max_rank(after) <= 5
    if expected:
        assert kinds(after) == expected


UNTOUCHED = {
    "two-largest": graph([2, 5], ("TopK", ["x", "two"], {"axis": 1}), two=np.array([2], _I)),
    "scattered": graph(
        [4, 2], ("Slice", ["x", "begin", "end"], {}), ("ScatterND", ["x", "places", "n0"], {}),
        begin=np.array([0], _I), end=np.array([2], _I), places=np.array([[0], [2]], _I),
    ),
    "four-axes": graph([2, 3, 4, 5], ("Transpose", ["x"], {"perm": [0, 2, 3, 1]})),
    "stated-sides": graph([2, 6], ("Reshape", ["x", "s"], {}), s=np.array([3, 4], _I)),
}  # fmt: skip


@pytest.mark.parametrize("name", UNTOUCHED)
def test_what_no_rule_takes_stays(name: str) -> None:
    before = UNTOUCHED[name]
    assert kinds(lowered(before)) == kinds(before)


def test_a_place_that_is_asked_for_keeps_top_k() -> None:
    model = graph([2, 5], ("TopK", ["x", "one"], {"axis": 1}), one=np.array([1], _I))
    model.graph.node.append(helper.make_node("Cast", ["places"], ["z"], to=TensorProto.FLOAT))
    model.graph.output[0].name = "z"
    assert kinds(lowered(model)) == ["TopK", "Cast"]
