"""TensorRT's Q/DQ forms: scales that fp16 holds, one set of integers, depthwise and kept layers in floats."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, numpy_helper

from dlgsanet.errors import BackendError
from export.backends.tensorrt.int8_forms import LEAST_SCALE, exact_scale, typed_forms, with_exact_scales
from export.graph.build import build_onnx
from export.graph.graph import Graph
from export.quantization.calibrated_graph import quantized
from export.quantization.layers import stays
from export.quantization.onnx_qdq import SYMMETRIC
from export.rewriting.rewrite import rewrite
from export.targets.table import Target
from runtimes.backends.tensorrt.lint.lint import lint
from runtimes.backends.tensorrt.reference import precision_of

TILE = (24, 16)
FP32, FP16 = "", ".fp16-scales"


@pytest.fixture(scope="module")
def plain(make_model) -> onnx.ModelProto:
    model = make_model()
    made = rewrite(model, Target("tensorrt", "int8", TILE)).model
    return build_onnx(made, name="small", tile=TILE, scale=4, opset=18)


@pytest.fixture(scope="module")
def forms(plain) -> Mapping[str, onnx.ModelProto]:
    tiles = np.random.default_rng(0).random((2, 3, *TILE), np.float32)
    return typed_forms(with_exact_scales(quantized(Graph(plain), tiles, SYMMETRIC).model, plain))


def constants(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


@given(st.lists(st.floats(1e-30, 65504), min_size=1, max_size=8))
def test_scales_are_the_next_that_fp16_holds(values: list[float]) -> None:
    found = exact_scale(np.array(values, np.float64))
    assert np.array_equal(found.astype(np.float16).astype(np.float32), found)
    wanted = np.maximum(np.array(values), LEAST_SCALE)
    assert (found >= wanted).all() and (found <= wanted * (1 + 2.0**-10)).all()


@pytest.mark.parametrize("scale", [np.nan, np.inf, 65505.0])
def test_scales_beyond_fp16_are_refused(scale: float) -> None:
    with pytest.raises(BackendError, match="no int8 form"):
        exact_scale(np.array([1.0, scale]))


def test_a_dead_channel_gets_a_scale_above_0() -> None:
    assert exact_scale(np.zeros(2)).tolist() == [LEAST_SCALE] * 2


def test_both_forms_hold_the_same_integers_and_scales(forms) -> None:
    wide, half = constants(forms[FP32]), constants(forms[FP16])
    kernels = [name for name, value in wide.items() if value.dtype == np.int8 and value.ndim == 4]
    assert kernels and all(np.array_equal(wide[name], half[name]) for name in kernels)
    scales = {name.removesuffix(".fp32"): value for name, value in wide.items() if "_scale" in name}
    assert len(scales) > len(kernels)
    for name, value in scales.items():
        assert value.dtype == np.float32 and half[name].dtype == np.float16 and np.array_equal(value, half[name])


def test_integers_are_those_of_the_weights(plain, forms) -> None:
    held, before = constants(forms[FP16]), constants(plain)
    node = next(each for each in forms[FP16].graph.node if each.name.endswith("IDynamicDWConv.project_in.Conv"))
    pair = next(each for each in forms[FP16].graph.node if each.output[0] == node.input[1])
    original = next(each for each in plain.graph.node if each.name == node.name).input[1]
    scale = held[pair.input[1]].astype(np.float64).reshape(-1, 1, 1, 1)
    error = np.abs(held[pair.input[0]] * scale - before[original])
    assert (error <= scale / 2 * (1 + 1e-6)).all()
    assert np.abs(held[pair.input[0]]).reshape(len(scale), -1).max(1).min() >= 126


@pytest.mark.parametrize("suffix", [FP32, FP16])
def test_the_forms_are_clean_and_quantize_what_they_should(forms, plain, suffix) -> None:
    model = forms[suffix]
    onnx.checker.check_model(model, full_check=True)
    assert lint(model.SerializeToString()) == ()
    made = {node.output[0]: node.op_type for node in model.graph.node}
    for node in (each for each in model.graph.node if each.op_type == "Conv"):
        group = next(attribute.i for attribute in node.attribute if attribute.name == "group")
        wanted = group == 1 and not stays(node.name, rounded=False)
        assert [made.get(name) == "DequantizeLinear" for name in node.input[:2]] == [wanted] * 2, node.name
        assert all(made.get(name) != "DequantizeLinear" for name in node.input[2:])
    assert precision_of(_read(model)) == "int8"
    assert model.opset_import[0].version == (18 if suffix == FP32 else 19)


def _read(model: onnx.ModelProto):
    from runtimes.file_formats.onnx_graph import read_graph

    return read_graph(model.SerializeToString())


def test_what_surrounds_the_integers_is_fp16(forms) -> None:
    inferred = onnx.shape_inference.infer_shapes(forms[FP32], strict_mode=True).graph
    kinds = {value.name: value.type.tensor_type.elem_type for value in inferred.value_info}
    for node in inferred.node:
        if node.op_type == "Conv" and stays(node.name, rounded=False):
            assert kinds.get(node.output[0], TensorProto.FLOAT16) == TensorProto.FLOAT16
        if node.op_type == "Erf":
            assert kinds[node.output[0]] == TensorProto.FLOAT16
