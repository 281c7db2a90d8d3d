"""Many operators in one graph: one conversion, and a result for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.backends.coreml.convert import PackageOptions, convert_coreml, label
from runtimes.backends.coreml.mil.executor import Executor
from runtimes.backends.coreml.mil.program import read_model

TILE = (6, 8)
UNINFERRED = ("GroupNormalization",)  # onnx says the result's shape only where the operator is written out


@dataclass(frozen=True)
class Case:
    """An operator of 2 lr - 1 and of `constants`, in order; an empty array stands for an input that is left out, and
    an operator without constants may read its tensor `times`. It reads it in another `shape` where one is given."""

    kind: str
    constants: tuple[np.ndarray | np.float32, ...] = ()
    attributes: Mapping[str, object] = field(default_factory=dict)
    times: int = 1
    shape: tuple[int, ...] = ()


def one_graph(cases: Mapping[str, Case]) -> onnx.ModelProto:
    """lr (1, 3, H, W) -> sr, the results of all cases one behind the other."""
    nodes = [
        helper.make_node("Mul", ["lr", "two"], ["d"], name="a"),
        helper.make_node("Sub", ["d", "one"], ["x"], name="b"),
    ]
    held = {"two": np.float32(2), "one": np.float32(1), "flat": np.array([-1])}
    for name, case in cases.items():
        source = f"{name}.x" if case.shape else "x"
        if case.shape:
            held[f"{source}.shape"] = np.array(case.shape)
            nodes.append(helper.make_node("Reshape", ["x", f"{source}.shape"], [source], name=f"{source}.Reshape"))
        inputs = [source] * case.times
        for at, value in enumerate(case.constants):
            inputs.append(f"{name}.{at}" if np.size(value) else "")
            held |= {inputs[-1]: np.asarray(value)} if inputs[-1] else {}
        nodes.append(helper.make_node(case.kind, inputs, [name], name=f"{name}.{case.kind}", **case.attributes))
        nodes.append(helper.make_node("Reshape", [name, "flat"], [f"{name}.flat"], name=f"{name}.flat"))
    nodes.append(helper.make_node("Concat", [f"{name}.flat" for name in cases], ["sr"], name="c.Concat", axis=0))
    lr = helper.make_tensor_value_info("lr", TensorProto.FLOAT, [1, 3, *TILE])
    sr = helper.make_tensor_value_info("sr", TensorProto.FLOAT, [None])
    stored = [numpy_helper.from_array(value, name) for name, value in held.items()]
    stated = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, case.shape or [1, 3, *TILE])
        for name, case in cases.items()
        if case.kind in UNINFERRED
    ]
    graph = helper.make_graph(nodes, "g", [lr], [sr], stored, value_info=stated)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return with_stated_sides(onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True))


def with_stated_sides(model: onnx.ModelProto) -> onnx.ModelProto:
    """Every Reshape that flattens says its size, as in the graphs that are converted."""
    shapes = {it.name: [dim.dim_value for dim in it.type.tensor_type.shape.dim] for it in model.graph.value_info}
    for node in model.graph.node:
        if node.op_type == "Reshape" and node.input[1] == "flat":
            size = np.array([prod(shapes[node.input[0]])])
            node.input[1] = f"{node.output[0]}.size"
            model.graph.initializer.append(numpy_helper.from_array(size, node.input[1]))
    return model


def results(cases: Mapping[str, Case], folder: Path, system: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name -> (ONNX Runtime's, the package's for `system` as the interpreter has it), in fp32."""
    import onnxruntime

    made = one_graph(cases)
    lr = np.random.default_rng(0).random((1, 3, *TILE), np.float32)
    wanted = onnxruntime.InferenceSession(made.SerializeToString()).run(None, {"lr": lr})[0]
    found = converted(made, folder, lr, system)
    shapes = {it.name: [dim.dim_value for dim in it.type.tensor_type.shape.dim] for it in made.graph.value_info}
    ends = np.cumsum([prod(shapes[name]) for name in cases])[:-1]
    assert found.shape == wanted.shape
    return dict(zip(cases, zip(np.split(wanted, ends), np.split(found, ends), strict=True), strict=True))


def converted(made: onnx.ModelProto, folder: Path, lr: np.ndarray, system: str = "iOS17") -> np.ndarray:
    """What the package of a model computes."""
    onnx.save(made, folder / "g.onnx")
    options = PackageOptions("fp32", TILE, 1, False, system, "x")
    convert_coreml(folder / "g.onnx", folder / "p.mlpackage", options, label(options, {}, {}))
    inside = folder / "p.mlpackage" / "Data/com.apple.CoreML"
    weights = {f"@model_path/weights/{path.name}": path.read_bytes() for path in inside.glob("weights/*")}
    found: np.ndarray = Executor(read_model((inside / "model.mlmodel").read_bytes()), weights).run({"lr": lr})["sr"]
    return found
