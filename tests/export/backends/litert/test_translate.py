"""LiteRT programs: the same numbers as the ONNX graph in ONNX Runtime, whatever order the channels are stored in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

pytest.importorskip("ai_edge_litert")

from dlgsanet.errors import InputError
from export.backends.litert.entry import BACKEND
from export.backends.litert.operators import require_known
from export.backends.litert.translate import FileForm, program_bytes
from export.graph.build import build_onnx
from export.graph.graph import Graph
from export.rewriting.rewrite import rewrite
from export.targets.table import Target
from runtimes.backends.litert.interpreter import open_interpreter
from runtimes.backends.litert.layers import not_delegated
from runtimes.probe_network import MODEL

RNG = np.random.default_rng(0)


def run(data: bytes, lr: np.ndarray) -> np.ndarray:
    """NCHW in and out."""
    interpreter = open_interpreter(data, 1)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], lr.transpose(0, 2, 3, 1).copy())
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).transpose(0, 3, 1, 2)


def in_onnxruntime(graph: Graph, lr: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(graph.data, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: lr})[0]


def graph_of(nodes: Sequence[onnx.NodeProto], shape: Sequence[int], **constants: np.ndarray) -> Graph:
    """lr (1, 4, 6, 8) -> `nodes` -> sr of this shape."""
    ports = [helper.make_tensor_value_info("lr", TensorProto.FLOAT, [1, 4, 6, 8])]
    outs = [helper.make_tensor_value_info("sr", TensorProto.FLOAT, list(shape))]
    stored = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(list(nodes), "one", ports, outs, stored)
    return Graph(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9))


def node(kind: str, inputs: str, outputs: str = "sr", **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs.split(), outputs.split(), f"{kind}_{outputs.split()[0]}", **attributes)


def floats(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def ints(*values: int) -> np.ndarray:
    return np.asarray(values, np.int64)


LINEAR = {"w": floats(4, 4, 1, 1)}
FIRST = node("Conv", "lr w", "x", kernel_shape=[1, 1])  # so that what comes after reads channels last
CASES: dict[str, tuple[list[onnx.NodeProto], tuple[int, ...], dict[str, np.ndarray]]] = {
    "dense 3x3": ([node("Conv", "lr k b", pads=[1, 1, 1, 1])], (1, 5, 6, 8), {"k": floats(5, 4, 3, 3), "b": floats(5)}),
    "depthwise": ([node("Conv", "lr k", pads=[1, 1, 1, 1], group=4)], (1, 4, 6, 8), {"k": floats(4, 1, 3, 3)}),
    "depthwise, twice": ([node("Conv", "lr k", pads=[1] * 4, group=4)], (1, 8, 6, 8), {"k": floats(8, 1, 3, 3)}),
    "grouped": ([node("Conv", "lr k", group=2)], (1, 6, 6, 8), {"k": floats(6, 2, 1, 1)}),
    "padded on one side": ([node("Conv", "lr k", pads=[2, 0, 0, 1])], (1, 4, 6, 7), {"k": floats(4, 4, 3, 3)}),
    "in steps": ([node("Conv", "lr k", pads=[1] * 4, strides=[2, 2])], (1, 4, 3, 4), {"k": floats(4, 4, 3, 3)}),
    "dilated": ([node("Conv", "lr k", pads=[2] * 4, dilations=[2, 2])], (1, 4, 6, 8), {"k": floats(4, 4, 3, 3)}),
    "broadcast over channels": ([FIRST, node("Mul", "x c")], (1, 4, 6, 8), {"c": floats(4, 1, 1), **LINEAR}),
    "broadcast of a lower rank": (
        [FIRST, node("ReduceMean", "lr axes", "m", keepdims=0), node("Add", "x m")],
        (1, 4, 6, 8), {"axes": ints(0, 1), **LINEAR},
    ),
    "a number": ([FIRST, node("Div", "x c")], (1, 4, 6, 8), {"c": np.float32(3).reshape(()), **LINEAR}),
    "channels summed": ([FIRST, node("ReduceSum", "x a")], (1, 1, 6, 8), {"a": ints(1), **LINEAR}),
    "channels' norm, dropped": (
        [FIRST, node("ReduceL2", "x a", "n", keepdims=0), node("Reshape", "n s")],
        (1, 1, 6, 8), {"a": ints(1), "s": ints(1, 1, 6, 8), **LINEAR},
    ),
    "softmax over the width": ([FIRST, node("Softmax", "x", axis=-1)], (1, 4, 6, 8), LINEAR),
    "softmax over channels": ([FIRST, node("Softmax", "x", axis=1)], (1, 4, 6, 8), LINEAR),
    "reshaped and back": (
        [FIRST, node("Reshape", "x s", "y"), node("Transpose", "y", "z", perm=[0, 2, 1]), node("Reshape", "z t")],
        (1, 8, 4, 6), {"s": ints(4, 6, 8), "t": ints(1, 8, 4, 6), **LINEAR},
    ),
    "turned twice": (
        [FIRST, node("Transpose", "x", "y", perm=[0, 2, 3, 1]), node("Relu", "y", "z"),
         node("Transpose", "z", perm=[0, 3, 1, 2])],
        (1, 4, 6, 8), LINEAR,
    ),
    "turned sideways": ([FIRST, node("Transpose", "x", perm=[0, 3, 2, 1])], (1, 8, 6, 4), LINEAR),
    "split and joined": (
        [FIRST, node("Split", "x s", "p q", axis=1), node("Concat", "q p", axis=1)],
        (1, 4, 6, 8), {"s": ints(1, 3), **LINEAR},
    ),
    "a slice": ([FIRST, node("Slice", "x i j a")], (1, 4, 3, 8), {"i": ints(1), "j": ints(-2), "a": ints(2), **LINEAR}),
    "zeros around": ([FIRST, node("Pad", "x p")], (1, 4, 9, 9), {"p": ints(0, 0, 1, 1, 0, 0, 2, 0), **LINEAR}),
    "mirrored around": (
        [FIRST, node("Pad", "x p", mode="reflect")], (1, 4, 9, 9), {"p": ints(0, 0, 1, 1, 0, 0, 2, 0), **LINEAR}
    ),
    "pixel shuffle of the picture": ([node("DepthToSpace", "lr", blocksize=2, mode="CRD")], (1, 1, 12, 16), {}),
    "pixel shuffle of a convolution": (
        [node("Conv", "lr k", "x", kernel_shape=[1, 1]), node("DepthToSpace", "x", blocksize=2, mode="CRD")],
        (1, 3, 12, 16), {"k": floats(12, 4, 1, 1)},
    ),
    "TensorFlow's pixel shuffle": ([FIRST, node("DepthToSpace", "x", blocksize=2)], (1, 1, 12, 16), LINEAR),
    "a product": (
        [FIRST, node("MatMul", "x m")], (1, 4, 6, 5), {"m": floats(8, 5), **LINEAR}
    ),
    "clipped": ([FIRST, node("Clip", "x a b")], (1, 4, 6, 8), {"a": np.float32(-0.1), "b": np.float32(0.2), **LINEAR}),
    "leaky": ([FIRST, node("LeakyRelu", "x", alpha=0.2)], (1, 4, 6, 8), LINEAR),
    "gelu": ([FIRST, node("Gelu", "x")], (1, 4, 6, 8), LINEAR),
    "larger of two": ([FIRST, node("Max", "x lr")], (1, 4, 6, 8), LINEAR),
    "a sigmoid, a root": ([FIRST, node("Sigmoid", "x", "y"), node("Sqrt", "y")], (1, 4, 6, 8), LINEAR),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_an_operator_computes_the_same(name: str) -> None:
    nodes, shape, constants = CASES[name]
    graph = graph_of(nodes, shape, **{key: np.asarray(array) for key, array in constants.items()})
    require_known(graph)
    lr = RNG.random((1, 4, 6, 8), np.float32)
    found, expected = run(program_bytes(graph, FileForm()), lr), in_onnxruntime(graph, lr)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.fixture(scope="module")
def small(make_model: Any) -> Graph:
    """The smallest network, as this backend's rows have it."""
    result = rewrite(make_model(), Target("litert", "fp32", (16, 24)))
    return Graph(build_onnx(result.model, name="small", tile=(16, 24), scale=4, opset=20))


def test_a_network_computes_the_same_and_is_delegated_whole(small: Graph, to_db: Any) -> None:
    lr = RNG.random((1, 3, 16, 24), np.float32)
    data = program_bytes(small, FileForm())
    assert to_db(run(data, lr), in_onnxruntime(small, lr)) > 110
    assert not_delegated(open_interpreter(data, 1)) == {}


@pytest.mark.parametrize(("weights", "least"), [("fp16", 60), ("int8", 35)])
def test_small_weights_make_a_smaller_file_that_is_near(small: Graph, to_db: Any, weights: str, least: float) -> None:
    lr = RNG.random((1, 3, 16, 24), np.float32)
    found = to_db(run(program_bytes(small, FileForm(weights)), lr), in_onnxruntime(small, lr))
    assert least < found < 100


def test_the_same_graph_gives_the_same_bytes(small: Graph) -> None:
    assert program_bytes(small, FileForm()) == program_bytes(small, FileForm())


def test_constants_begin_where_kernels_read_fast(small: Graph) -> None:
    from ai_edge_litert import schema_py_generated as schema

    data = program_bytes(small, FileForm())
    model = schema.Model.GetRootAs(data)
    starts = [
        model.Buffers(i)._tab.Vector(model.Buffers(i)._tab.Offset(4))
        for i in range(model.BuffersLength())
        if not model.Buffers(i).DataIsNone()
    ]
    assert len(starts) > 50
    assert all(start % 16 == 0 for start in starts)


def test_metadata_are_inside(small: Graph) -> None:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(program_bytes(small, FileForm(texts={"scale": "4"})))
    (text,) = model.metadata
    assert (text.name, bytes(model.buffers[text.buffer].data)) == (b"scale", b"4")


def test_an_unknown_operator_is_named() -> None:
    with pytest.raises(InputError, match=r"no form of Sin \(Sin_sr\)"):
        require_known(graph_of([node("Sin", "lr")], (1, 4, 6, 8)))


def test_a_slice_in_steps_is_refused() -> None:
    graph = graph_of(
        [node("Slice", "lr i j a s")], (1, 4, 3, 8), i=ints(0), j=ints(6), a=ints(2), s=ints(2)
    )  # fmt: skip
    with pytest.raises(InputError, match="Slice_sr: no form of a slice in steps"):
        BACKEND.refuse_graph(graph)


FOREIGN = {
    "Resize": (
        helper.make_node("Resize", ["lr", "", "s"], ["sr"], "Resize_sr", mode="linear"),
        {"s": np.array([1, 1, 2, 2], np.float32)},
        (1, 4, 12, 16),
    ),
    "PRelu": (node("PRelu", "lr s"), {"s": floats(4, 1, 1)}, (1, 4, 6, 8)),
    "ConvTranspose": (node("ConvTranspose", "lr w", strides=[2, 2]), {"w": floats(4, 4, 2, 2)}, (1, 4, 12, 16)),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_networks_of_others_have_is_refused_before_the_long_work(kind: str) -> None:
    one, constants, shape = FOREIGN[kind]
    with pytest.raises(InputError, match=rf"no form of {kind} \({kind}_sr\) is known for LiteRT: leave litert out"):
        BACKEND.refuse_graph(graph_of([one], shape, **constants))


def test_the_probe_is_the_probe_network() -> None:
    """`runtimes/probe_network/tiny.tflite` is what the exporter makes of `tiny.onnx`."""
    assert Path(MODEL.with_suffix(".tflite")).read_bytes() == program_bytes(Graph(onnx.load(MODEL)), FileForm())
