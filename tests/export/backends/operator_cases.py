"""One operator each, as graphs that ONNX Runtime computes, too: what every writer of a backend is held against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dlgsanet.network.model import DLGSANet
from export.graph.build import build_onnx
from export.graph.graph import Graph
from export.rewriting.rewrite import rewrite
from export.targets.table import Target

RNG = np.random.default_rng(0)


def in_onnxruntime(graph: Graph, lr: np.ndarray, as_written: bool = False) -> np.ndarray:
    """`as_written`: pairs around INT8 layers compute in reals, as they stand, and are not fused into whole numbers."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if as_written:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(graph.data, options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: lr})[0]


def network_graph(model: DLGSANet, backend: str, precision: str = "fp32") -> Graph:
    """A network for tiles of 16 x 24, as this backend's rows have it."""
    result = rewrite(model, Target(backend, precision, (16, 24)))
    return Graph(build_onnx(result.model, name="small", tile=(16, 24), scale=4, opset=20))


def in_whole_numbers(graph: Graph, folder: Path) -> Graph:
    """The graph with its default layers in INT8, by ranges of four tiles of noise (16 x 24)."""
    from export.quantization.onnx_qdq import OnnxRuntimeMaker, learn_ranges

    source, ranges = folder / "source.onnx", folder / "ranges.onnx"
    source.write_bytes(graph.data)
    learn_ranges(source, ranges, RNG.random((4, 3, 16, 24), np.float32))
    maker = OnnxRuntimeMaker(source, ranges)
    return Graph(onnx.load(maker.write(folder / "int8", maker.default)[0]))


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


def case_graph(name: str) -> Graph:
    """The graph of a case."""
    nodes, shape, constants = CASES[name]
    return graph_of(nodes, shape, **{key: np.asarray(array) for key, array in constants.items()})
