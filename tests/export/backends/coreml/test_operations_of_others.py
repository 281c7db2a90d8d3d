"""Every operator that other networks have, in MIL and read back by the interpreter, against ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from dlgsanet.errors import InputError
from export.backends.coreml.convert import PackageOptions, convert_coreml, label
from export.backends.coreml.operations_of_others import OPERATORS_OF_OTHERS
from runtimes.backends.coreml.mil.executor import Executor
from runtimes.backends.coreml.mil.program import read_model

pytest.importorskip("coremltools")
TILE, FIVE = (6, 5), np.float32([1, 2, 3, 4, 5])
Constants = dict[str, np.ndarray]

CASES: dict[str, tuple[str, Constants, dict[str, object]]] = {
    "clip": ("Clip", {"low": np.float32(-0.5), "high": np.float32(0.25)}, {}),
    "clip-above": ("Clip", {"": np.zeros(0), "high": np.float32(0.25)}, {}),
    "elu": ("Elu", {}, {"alpha": 0.7}),
    "erf": ("Erf", {}, {}),
    "exp": ("Exp", {}, {}),
    "hard-sigmoid": ("HardSigmoid", {}, {"alpha": 0.3, "beta": 0.4}),
    "hard-swish": ("HardSwish", {}, {}),
    "layer-norm": (
        "LayerNormalization",
        {"g": np.float32([1, 2, 3, 4, 5]), "b": np.float32([5, 4, 3, 2, 1])},
        {"epsilon": 1e-4},
    ),
    "leaky": ("LeakyRelu", {}, {"alpha": 0.2}),
    "neg": ("Neg", {}, {}),
    "prelu": ("PRelu", {"slopes": np.float32([0.1, 0.5, 0.9]).reshape(3, 1, 1)}, {}),
    "prelu-one": ("PRelu", {"slopes": np.float32([0.3]).reshape(1, 1, 1)}, {}),
    "tanh": ("Tanh", {}, {}),
}


def model(kind: str, constants: Constants, attributes: dict[str, object], scale: int = 1) -> onnx.ModelProto:
    """x -> kind(2x - 1)."""
    h, w = TILE
    named = {"two": np.float32(2), "one": np.float32(1), **{key: value for key, value in constants.items() if key}}
    nodes = [
        helper.make_node("Mul", ["lr", "two"], ["doubled"], name="a.Mul"),
        helper.make_node("Sub", ["doubled", "one"], ["moved"], name="b.Sub"),
        helper.make_node(kind, ["moved", *constants], ["sr"], name=f"c.{kind}", **attributes),
    ]
    ports = [("lr", [1, 3, h, w]), ("sr", [1, 3, h * scale, w * scale])]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in ports]
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in named.items()]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def outputs(made: onnx.ModelProto, folder: Path, scale: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """(ONNX Runtime's, the package's as the interpreter has it) in fp32."""
    import onnxruntime

    lr = np.random.default_rng(0).random((1, 3, *TILE), np.float32)
    wanted = onnxruntime.InferenceSession(made.SerializeToString()).run(None, {"lr": lr})[0]
    onnx.save(made, folder / "g.onnx")
    options = PackageOptions("fp32", TILE, scale, False, "iOS17", "x")
    convert_coreml(folder / "g.onnx", folder / "p.mlpackage", options, label(options, {}, {}))
    inside = folder / "p.mlpackage" / "Data/com.apple.CoreML"
    weights = {f"@model_path/weights/{path.name}": path.read_bytes() for path in inside.glob("weights/*")}
    found = Executor(read_model((inside / "model.mlmodel").read_bytes()), weights).run({"lr": lr})
    return wanted, found["sr"]


@pytest.mark.parametrize("name", CASES)
def test_it_is_what_onnx_runtime_computes(name: str, tmp_path: Path) -> None:
    wanted, found = outputs(model(*CASES[name]), tmp_path)
    np.testing.assert_allclose(found, wanted, atol=2e-6)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("scale", [2, 3])
def test_resizes_by_whole_factors(mode: str, scale: int, tmp_path: Path) -> None:
    constants = {"": np.zeros(0), "scales": np.float32([1, 1, scale, scale])}
    wanted, found = outputs(model("Resize", constants, {"mode": mode}, scale), tmp_path, scale)
    np.testing.assert_allclose(found, wanted, atol=2e-6)


def test_a_resize_that_is_something_else_is_refused(tmp_path: Path) -> None:
    constants = {"": np.zeros(0), "scales": np.float32([1, 1, 2, 2])}
    made = model("Resize", constants, {"mode": "cubic"}, 2)
    with pytest.raises(InputError, match="no form of a resize of mode cubic"):
        outputs(made, tmp_path, 2)


def test_every_operator_has_a_case() -> None:
    tested = {kind for kind, _, _ in CASES.values()} | {"Resize", "Sum", "GlobalAveragePool"}
    assert tested == set(OPERATORS_OF_OTHERS)


@pytest.mark.parametrize("kind", ["Sum", "GlobalAveragePool"])
def test_sums_and_averages(kind: str, tmp_path: Path) -> None:
    """Beside the tensor itself: an average has another shape."""
    made = model("Sum", {}, {})
    if kind == "Sum":
        made.graph.node[2].input.extend(["lr", "doubled"])
    else:
        made.graph.node.insert(2, helper.make_node(kind, ["moved"], ["d"], name="d.Average"))
        made.graph.node[3].input.append("d")
    wanted, found = outputs(made, tmp_path)
    np.testing.assert_allclose(found, wanted, atol=2e-6)
