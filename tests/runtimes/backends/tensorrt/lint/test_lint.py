"""The linter: a good graph has no fault, and every fault that is planted in it is named, with what to do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlgsanet.errors import InputError
from runtimes.backends.tensorrt.lint.lint import lint, require_clean

onnx = pytest.importorskip("onnx")
helper, numpy_helper, Kind = onnx.helper, onnx.numpy_helper, onnx.TensorProto
SCALES = np.full(4, 0.01, np.float16)
CONSTANTS = {
    "scale": np.array(0.02, np.float16),
    "zero": np.array(0, np.int8),
    "weight": np.arange(-54, 54).reshape(4, 3, 3, 3).astype(np.int8),
    "weight_scale": SCALES,
    "weight_zero": np.zeros(4, np.int8),
    "bias": np.zeros(4, np.float16),
    "depth": np.ones((4, 1, 3, 3), np.float16),
    "axes": np.array([1]),
    "eps": np.array(0.5, np.float16),
}


def good(**changed: np.ndarray) -> Any:
    """int8 convolution with fp16 scales, a depthwise one, a mean in fp32, an epsilon: a model of opset 19."""
    nodes = [
        helper.make_node("Cast", ["lr"], ["x"], name="in", to=Kind.FLOAT16),
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"], name="q"),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["dq"], name="dq"),
        helper.make_node("DequantizeLinear", ["weight", "weight_scale", "weight_zero"], ["w"], name="wdq", axis=0),
        helper.make_node("Conv", ["dq", "w", "bias"], ["a"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["a", "depth"], ["b"], name="depthwise", pads=[1, 1, 1, 1], group=4),
        helper.make_node("Cast", ["b"], ["wide"], name="wide", to=Kind.FLOAT),
        helper.make_node("ReduceMean", ["wide", "axes"], ["mean"], name="mean"),
        helper.make_node("Cast", ["mean"], ["narrow"], name="narrow", to=Kind.FLOAT16),
        helper.make_node("Add", ["narrow", "eps"], ["c"], name="add"),
        helper.make_node("Cast", ["c"], ["sr"], name="out", to=Kind.FLOAT),
    ]
    held = [numpy_helper.from_array(value, name) for name, value in {**CONSTANTS, **changed}.items()]
    ports = [helper.make_tensor_value_info(name, Kind.FLOAT, [1, by, 8, 8]) for name, by in (("lr", 3), ("sr", 1))]
    graph = helper.make_graph(nodes, "good", ports[:1], ports[1:], held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)


def faults(model: Any) -> list[str]:
    return [str(fault) for fault in lint(model.SerializeToString())]


def node(model: Any, name: str) -> Any:
    return next(each for each in model.graph.node if each.name == name)


def test_a_good_graph_has_no_fault() -> None:
    onnx.checker.check_model(good(), full_check=True)
    assert faults(good()) == []
    require_clean(good().SerializeToString(), "good.onnx")


def test_bytes_that_are_no_model_are_refused() -> None:
    with pytest.raises(InputError):
        lint(b"\x08" * 30)
    with pytest.raises(InputError, match="one graph"):
        lint(b"")


def _opset(model: Any, number: int) -> None:
    model.opset_import[0].version = number


def _domain(model: Any) -> None:
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def _operator(model: Any) -> None:
    node(model, "add").op_type = "Gelu"


def _foreign(model: Any) -> None:
    node(model, "add").domain = "com.microsoft"


def _external(model: Any) -> None:
    tensor = next(each for each in model.graph.initializer if each.name == "depth")
    tensor.ClearField("raw_data")
    tensor.data_location = Kind.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def _short(model: Any) -> None:
    next(each for each in model.graph.initializer if each.name == "depth").raw_data = b"\0" * 6


def _dynamic(model: Any) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"


def _unknown_size(model: Any) -> None:
    model.graph.output[0].type.tensor_type.shape.dim[3].Clear()


def _doubles(model: Any) -> None:
    model.graph.input[0].type.tensor_type.elem_type = Kind.DOUBLE


def _mixed(model: Any) -> None:
    node(model, "add").input[0] = "mean"


def _declared(model: Any) -> None:
    node(model, "out").attribute[0].i = Kind.FLOAT16


def _half_sum(model: Any) -> None:
    node(model, "mean").input[0] = "b"


def _nowhere(model: Any) -> None:
    node(model, "add").input[0] = "nothing"


def _twice(model: Any) -> None:
    node(model, "add").output[0] = "mean"


def _nameless(model: Any) -> None:
    node(model, "add").name = ""


def _no_zero_point(model: Any) -> None:
    del node(model, "q").input[2:]


def _wrong_axis(model: Any) -> None:
    node(model, "wdq").attribute[0].i = 1


def _default_axis(model: Any) -> None:
    del node(model, "wdq").attribute[:]


def _quantized_bias(model: Any) -> None:
    for name, value in (("bias8", np.zeros(4, np.int32)), ("bias_zero", np.zeros(4, np.int32))):
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    pair = helper.make_node("DequantizeLinear", ["bias8", "weight_scale", "bias_zero"], ["b8"], name="bdq", axis=0)
    model.graph.node.insert(4, pair)
    node(model, "conv").input[2] = "b8"


def _depthwise(model: Any) -> None:
    node(model, "depthwise").input[0] = "dq"
    node(model, "depthwise").input[1] = "w"


def _half_quantized(model: Any) -> None:
    node(model, "conv").input[0] = "x"


def _bare_integers(model: Any) -> None:
    node(model, "conv").input[0] = "q"


def _not_quantized(model: Any) -> None:
    node(model, "dq").input[0] = "x"


def _scale_types(model: Any) -> None:
    node(model, "q").input[0] = "lr"


def _computed_scale(model: Any) -> None:
    node(model, "q").input[1] = "c"


PLANTED: dict[str, tuple[Callable[[Any], None], str]] = {
    "opset 16": (lambda model: _opset(model, 16), r"the model: found operator set 16, expected 17 to 19: export with"),
    "opset 20": (lambda model: _opset(model, 20), "found operator set 20"),
    "domain": (_domain, "found operators of 'com.microsoft', expected ONNX's own only"),
    "operator": (_operator, "Gelu 'add': found the operator Gelu, expected one that is known to build"),
    "foreign operator": (_foreign, "found the operator com.microsoft.Add"),
    "external data": (_external, "the constant 'depth': found external data, expected its numbers in the file"),
    "truncated": (_short, "the constant 'depth'.*3 numbers"),
    "dynamic": (_dynamic, "'lr': found the shape 1x3xheightx8, expected fixed sizes"),
    "unknown size": (_unknown_size, "'sr': found the shape 1x1x8x"),
    "doubles": (_doubles, "'lr': found fp64"),
    "mixed types": (_mixed, "Add 'add': found fp16 and fp32, expected inputs of one type: write the Cast out"),
    "declared type": (_declared, "'sr': found fp16 made, fp32 declared"),
    "sum in fp16": (_half_sum, "ReduceMean 'mean': found a sum in fp16, expected fp32: cast to fp32"),
    "undefined": (_nowhere, "found the input 'nothing', made by nothing before it"),
    "made twice": (_twice, "found the output 'mean', made twice"),
    "nameless": (_nameless, "Add number 9 .without a name.: found no name of its own"),
    "no zero point": (_no_zero_point, "QuantizeLinear 'q': found uint8 values .no zero point"),
    "axis 1": (_wrong_axis, "found weights quantized along axis 1, expected axis 0"),
    "no axis": (_default_axis, "found weights quantized along axis 1, expected axis 0"),
    "bias in int32": (_quantized_bias, "DequantizeLinear 'bdq': found a bias in int32.*QuantizeBias=False"),
    "int8 depthwise": (_depthwise, "Conv 'depthwise': found int8 with 4 groups, expected depthwise convolutions in"),
    "half quantized": (_half_quantized, "Conv 'conv': found float data and int8 weights, expected both or none"),
    "integers": (_bare_integers, "Conv 'conv': found 'q' straight from QuantizeLinear, expected DequantizeLinear"),
    "not quantized": (_not_quantized, "DequantizeLinear 'dq': found an input that is not quantized"),
    "scale type": (_scale_types, "QuantizeLinear 'q': found fp32 values and fp16 scales, expected one type"),
    "computed scale": (_computed_scale, "QuantizeLinear 'q': found a scale that is no constant of the file"),
}
CONSTANT: dict[str, tuple[dict[str, np.ndarray], str]] = {
    "zero point": ({"zero": np.array(3, np.int8)}, "found a zero point that is not 0, expected 0: quantize with Act"),
    "weight zero point": ({"weight_zero": np.array([0, 0, 1, 0], np.int8)}, "'wdq': found a zero point that is not 0"),
    "uint8": ({"zero": np.array(0, np.uint8)}, "found uint8 values, expected int8: use QInt8"),
    "scale 0": ({"scale": np.array(0, np.float16)}, "'q': found a scale of 0, expected finite and above 0: give it a"),
    "negative scale": ({"scale": np.array(-1, np.float16)}, "found a scale of -1"),
    "NaN scale": ({"scale": np.array(np.nan, np.float16)}, "found a scale of nan"),
    "dead channel": (
        {"weight_scale": np.array([0.1, 0, 0.1, 0.1], np.float16)}, "'wdq': found a scale of 0, .*fp16 makes small",
    ),
    "few scales": ({"weight_scale": SCALES[:3], "weight_zero": np.zeros(3, np.int8)}, "3 scales for 4 output channels"),
    "scales of an activation": ({"scale": SCALES[:3], "zero": np.zeros(3, np.int8)}, "found 3 scales, expected one"),
    "integer scale": ({"scale": np.array(1, np.int32)}, "'q': found a scale in int32"),
    "infinite weight": ({"bias": np.array([0, np.inf, 0, 0], np.float16)}, "constant 'bias': found NaN or infinity"),
    "epsilon 0": ({"eps": np.array(1e-12, np.float16)}, "Add 'add': found the fp16 constant 'eps' of 0, expected at"),
    "epsilon tiny": ({"eps": np.array(1e-5, np.float16)}, "constant 'eps' of 1.00136e-05"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_named(name: str) -> None:
    plant, expected = PLANTED[name]
    model = good()
    plant(model)
    _expect(model, expected)


@pytest.mark.parametrize("name", CONSTANT)
def test_a_wrong_constant_is_named(name: str) -> None:
    changed, expected = CONSTANT[name]
    _expect(good(**changed), expected)


def _expect(model: Any, expected: str) -> None:
    import re

    found = faults(model)
    assert any(re.search(expected, line) for line in found), found
    assert all("\n" not in line and ": found " in line and ", expected " in line for line in found)
    with pytest.raises(InputError, match=r"^bad\.onnx: .*found"):
        require_clean(model.SerializeToString(), "bad.onnx")


@settings(max_examples=60, deadline=None)
@given(
    zeros=st.lists(st.integers(-128, 127), min_size=4, max_size=4),
    scales=st.lists(st.floats(-1, 1, width=16), min_size=4, max_size=4),
)
def test_only_positive_scales_and_zero_points_of_0_pass(zeros: list[int], scales: list[float]) -> None:
    found = lint(
        good(weight_zero=np.array(zeros, np.int8), weight_scale=np.array(scales, np.float16)).SerializeToString()
    )
    assert (not found) == (not any(zeros) and all(scale > 0 for scale in scales))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_damaged_file_gives_faults_or_one_error_never_a_crash(data: st.DataObject) -> None:
    whole = bytearray(good().SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(len(whole) // 2, len(whole)))])
    with suppress(InputError):
        lint(cut)
