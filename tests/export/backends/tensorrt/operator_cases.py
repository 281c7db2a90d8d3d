"""A small graph for every operator of ONNX that the linter knows, for whoever has to take them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SHAPE = (1, 4, 8, 8)
_F, _I = np.float32, np.int64
_RNG = np.random.default_rng(0)
ONES, FOUR = np.ones(4, _F), np.array([1, 2, 3, 4], _F)
KERNEL = _RNG.standard_normal((4, 4, 3, 3)).astype(_F)


@dataclass(frozen=True)
class Case:
    """`inputs`: names of tensors ("x", "y", "flags") or constants, in order; "": left out."""

    kind: str
    inputs: tuple[str | np.ndarray, ...] = ("x",)
    attributes: Mapping[str, object] = field(default_factory=dict)
    results: int = 1


def _plain(*kinds: str) -> tuple[Case, ...]:
    return tuple(Case(kind) for kind in kinds)


CASES = (
    *_plain(
        "Abs", "Ceil", "Celu", "Cos", "Elu", "Erf", "Exp", "Floor", "GlobalAveragePool", "GlobalMaxPool",
        "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Mish", "Neg", "Reciprocal", "Relu", "Round", "Selu",
        "Sigmoid", "Sign", "Sin", "Softmax", "Softplus", "Softsign", "Sqrt", "Tanh", "ThresholdedRelu",
    ),
    *(Case(kind, ("x", "y")) for kind in ("Add", "Div", "Max", "Min", "Mul", "Sub", "Sum")),
    *(Case(f"Reduce{what}", ("x", np.array([1], _I))) for what in ("L2", "Max", "Mean", "Min", "Sum")),
    Case("AveragePool", attributes={"kernel_shape": [2, 2], "strides": [2, 2]}),
    Case("BatchNormalization", ("x", FOUR, ONES, ONES, FOUR)),
    Case("Clip", ("x", np.array(-0.5, _F), np.array(0.5, _F))),
    Case("Concat", ("x", "y"), {"axis": 1}),
    Case("Conv", ("x", KERNEL, FOUR), {"pads": [1, 1, 1, 1]}),
    Case("ConvTranspose", ("x", KERNEL, FOUR), {"strides": [2, 2]}),
    Case("DepthToSpace", attributes={"blocksize": 2, "mode": "CRD"}),
    Case("Einsum", ("x", "y"), {"equation": "bchw,bkhw->bck"}),
    Case("Expand", (np.ones((1, 4, 1, 1), _F), np.array([1, 4, 8, 8], _I))),
    Case("Flatten"),
    Case("Gather", ("x", np.array([2, 1, 0], _I)), {"axis": 1}),
    Case("GatherElements", ("x", np.zeros((1, 4, 8, 2), _I)), {"axis": 3}),
    Case("InstanceNormalization", ("x", FOUR, ONES)),
    Case("LayerNormalization", ("x", np.ones(8, _F), np.ones(8, _F))),
    Case("LpNormalization", attributes={"axis": 1}),
    Case("MatMul", ("x", "y")),
    Case("MaxPool", attributes={"kernel_shape": [2, 2], "strides": [2, 2]}),
    Case("PRelu", ("x", FOUR.reshape(4, 1, 1))),
    Case("Pad", ("x", np.array([0, 0, 1, 1, 0, 0, 1, 1], _I))),
    Case("Pow", ("x", np.array(2, _F))),
    Case("Reshape", ("x", np.array([1, 16, 16], _I))),
    Case("Resize", ("x", "", np.array([1, 1, 2, 2], _F)), {"mode": "linear"}),
    Case("Resize", ("x", "", np.array([1, 1, 2, 2], _F)), {"mode": "nearest"}),
    Case("ScatterND", ("x", np.zeros((1, 1), _I), "y")),
    Case("Slice", ("x", np.array([1], _I), np.array([8], _I), np.array([2], _I), np.array([2], _I))),
    Case("SpaceToDepth", attributes={"blocksize": 2}),
    Case("Split", ("x", np.array([1, 3], _I)), {"axis": 1}, results=2),
    Case("Squeeze", ("x", np.array([0], _I))),
    Case("Tile", ("x", np.array([1, 1, 2, 1], _I))),
    Case("Transpose", attributes={"perm": [0, 2, 3, 1]}),
    Case("Unsqueeze", ("x", np.array([0], _I))),
    Case("Where", ("flags", "x", "y")),
)  # fmt: skip


def of_case(case: Case, opset: int = 18) -> onnx.ModelProto:
    """x = lr, y = lr + 1/2, flags = lr > y - lr -> the operator -> sr, all in fp32."""
    half = numpy_helper.from_array(np.array(0.5, _F), "half")
    held, names = [half], []
    for index, given in enumerate(case.inputs):
        if isinstance(given, np.ndarray):
            held.append(numpy_helper.from_array(given, f"c{index}"))
            names.append(f"c{index}")
        else:
            names.append({"x": "lr"}.get(given, given))
    results = [f"r{index}" for index in range(case.results)]
    nodes = [
        helper.make_node("Add", ["lr", "half"], ["y"], name="y"),
        helper.make_node("Greater", ["lr", "half"], ["flags"], name="flags"),
        helper.make_node(case.kind, names, results, name="case", **case.attributes),
        helper.make_node("Mul", [results[-1], "half"], ["sr"], name="out"),
    ]
    nodes = [node for node in nodes if node.name not in ("y", "flags") or node.name in names]
    ports = [helper.make_tensor_value_info("lr", TensorProto.FLOAT, SHAPE), helper.make_empty_tensor_value_info("sr")]
    ports[1].type.tensor_type.elem_type = TensorProto.FLOAT
    graph = helper.make_graph(nodes, case.kind, ports[:1], ports[1:], held)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    inferred = onnx.shape_inference.infer_shapes(made, strict_mode=True, data_prop=True)
    onnx.checker.check_model(inferred, full_check=True)
    made.graph.output[0].CopyFrom(inferred.graph.output[0])
    return made


def all_of_them() -> onnx.ModelProto:
    """Every case in one graph, each with an output of its own."""
    nodes, held, outputs = [], [], []
    for index, case in enumerate(CASES):
        graph = onnx.compose.add_prefix(of_case(case), f"{index}.").graph
        nodes += graph.node
        held += graph.initializer
        outputs += graph.output
        for node in graph.node:
            node.input[:] = ["lr" if name == f"{index}.lr" else name for name in node.input]
    lr = helper.make_tensor_value_info("lr", TensorProto.FLOAT, SHAPE)
    made = helper.make_graph(nodes, "all", [lr], outputs, held)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
