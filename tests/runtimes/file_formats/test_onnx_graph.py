"""The reader of ONNX graphs against the onnx package."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlgsanet.errors import InputError
from runtimes.file_formats.onnx_graph import Tensor, read_graph, tensor_types

onnx = pytest.importorskip("onnx")
helper, numpy_helper, Kind = onnx.helper, onnx.numpy_helper, onnx.TensorProto


def model(nodes: list, tensors: list = [], ports: int = 2) -> bytes:  # noqa: B006
    values = [helper.make_tensor_value_info(name, Kind.FLOAT, [1, "n", 3]) for name in ("x", "y")[:ports]]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8).SerializeToString()


@pytest.mark.parametrize("kind", [np.float32, np.float16, np.int8, np.uint8, np.int32, np.int64])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3, 1, 2)])
@pytest.mark.parametrize("raw", [True, False])
def test_constants_are_read_as_onnx_reads_them(kind: type, shape: tuple[int, ...], raw: bool) -> None:
    array = (np.random.default_rng(0).standard_normal(shape) * 50).astype(kind)
    kinds = helper.np_dtype_to_tensor_dtype(array.dtype)
    tensor = (
        numpy_helper.from_array(array, "t")
        if raw
        else helper.make_tensor("t", kinds, array.shape, array.ravel().tolist())
    )
    found = read_graph(model([helper.make_node("Abs", ["x"], ["y"])], [tensor])).tensors["t"].values()
    assert found.dtype == array.dtype and found.shape == array.shape and np.array_equal(found, array)


def test_nodes_attributes_and_ports() -> None:
    node = helper.make_node(
        "Conv", ["x", ""], ["y"], name="c", domain="ai.onnx", group=-1, pads=[1, -2], alpha=0.5, auto_pad="SAME",
        scales=[1.5, 2.5],
    )  # fmt: skip
    graph = read_graph(model([node]))
    (found,) = graph.nodes
    assert (found.kind, found.name, found.domain, found.inputs, found.outputs) == ("Conv", "c", "", ("x", ""), ("y",))
    assert found.attributes == {
        "group": -1, "pads": (1, -2), "alpha": 0.5, "auto_pad": "SAME", "scales": (1.5, 2.5),
    }  # fmt: skip
    assert graph.opsets == {"": 18} and graph.inputs[0].dims == (1, "n", 3) and graph.inputs[0].dtype == "fp32"
    assert graph.maker("y") is found and graph.maker("x") is None
    assert found.title == "Conv 'c'"


def test_types_follow_casts_and_quantizers() -> None:
    scale = numpy_helper.from_array(np.array(0.5, np.float16), "s")
    zero = numpy_helper.from_array(np.array(0, np.int8), "z")
    nodes = [
        helper.make_node("Cast", ["x"], ["a"], to=Kind.FLOAT16),
        helper.make_node("QuantizeLinear", ["a", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("QuantizeLinear", ["a", "s"], ["u"]),
        helper.make_node("Shape", ["d"], ["n"]),
        helper.make_node("Relu", ["d"], ["r"]),
        helper.make_node("Cast", ["r"], ["y"], to=Kind.FLOAT),
    ]
    found = tensor_types(read_graph(model(nodes, [scale, zero])))
    expected = {"a": "fp16", "q": "int8", "d": "fp16", "u": "uint8", "n": "int64", "r": "fp16", "y": "fp32"}
    assert {name: found[name] for name in expected} == expected


def test_what_cannot_be_read_is_said() -> None:
    with pytest.raises(InputError, match="'w' has 1 numbers for the shape"):
        Tensor("w", "fp32", (2, 3), raw=memoryview(b"\0\0\0\0")).values()
    with pytest.raises(InputError, match=r"'w'.*cannot be read"):
        Tensor("w", "bf16", (1,), raw=memoryview(b"\0\0")).values()


@given(st.binary(max_size=200))
def test_any_bytes_are_a_graph_or_one_error(data: bytes) -> None:
    with suppress(InputError):
        read_graph(data)
