"""The graph of a tile is the file's network, whatever form its pixels have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from export.networks.arithmetic.widen import HALF_TO_SINGLE, widened
from export.networks.onnx_file.fixing import FixJob, fix
from export.networks.onnx_file.reading import read_onnx
from export.quantization.layers import is_end
from runtimes.backends.onnxruntime.untouched import as_given, as_picture, open_untouched
from runtimes.bundle.foreign import Foreign, Pixels

MakeFile = Callable[..., Path]
TILE = (12, 10)
FORMS = {
    "plain": Pixels(),
    "bgr-255": Pixels("bgr", 255.0),
    "nhwc": Pixels("rgb", 1.0, "NHWC"),
    "normalised-out": Pixels("bgr", 255.0, "NCHW", (104.0, 117.0, 124.0), (57.0, 58.0, 59.0), "normalized"),
    "normalised": Pixels("bgr", 255.0, "NCHW", (104.0, 117.0, 124.0), (57.0, 58.0, 59.0)),
}


def fixed(path: Path, pixels: Pixels, opset: int = 18) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    foreign = Foreign("onnx", "image", "large", "float32", pixels)
    model, report = fix(read_onnx(path).model, FixJob(str(path), foreign, TILE, 2, opset, ""))
    onnx.checker.check_model(model, full_check=True)
    return model, report.applied


def run(model: onnx.ModelProto, given: np.ndarray) -> np.ndarray:
    """By onnx's own evaluator, which shares no code with the engines."""
    return ReferenceEvaluator(model).run(None, {model.graph.input[0].name: given})[0]


@pytest.mark.parametrize("name", FORMS)
def test_it_computes_what_the_file_does(onnx_file: MakeFile, name: str) -> None:
    pixels = FORMS[name]
    path = onnx_file(layout=pixels.layout, top=pixels.top)
    lr = np.random.default_rng(0).random((1, 3, *TILE), np.float32)
    wanted = as_picture(run(onnx.load(path), as_given(lr, pixels)), pixels)
    model, applied = fixed(path, pixels)
    np.testing.assert_allclose(run(model, lr), wanted, atol=2e-6)
    assert "fix-sizes" in applied and "raise-opset" in applied
    assert not any(node.op_type in ("BatchNormalization", "Identity") for node in model.graph.node)
    shapes = [
        [side.dim_value for side in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    ]
    assert shapes == [[1, 3, 12, 10], [1, 3, 24, 20]]


@pytest.mark.parametrize("form", ["plain", "bgr-255", "nhwc"])
@pytest.mark.parametrize("called", [{"c_0": "lr", "d": "sr"}, {"image": "sr", "large": "lr"}, {"w1": "sr", "w2": "lr"}])
def test_its_own_tensors_may_be_called_as_our_ports(onnx_file: MakeFile, form: str, called: dict[str, str]) -> None:
    pixels = FORMS[form]
    path = onnx_file(layout=pixels.layout, top=pixels.top)
    lr = np.random.default_rng(0).random((1, 3, *TILE), np.float32)
    theirs = onnx.load(path)
    wanted = as_picture(run(theirs, as_given(lr, pixels)), pixels)
    for node in theirs.graph.node:
        node.input[:] = [called.get(name, name) for name in node.input]
        node.output[:] = [called.get(name, name) for name in node.output]
    for it in (*theirs.graph.input, *theirs.graph.output, *theirs.graph.initializer):
        it.name = called.get(it.name, it.name)
    onnx.save(theirs, path)
    np.testing.assert_allclose(run(fixed(path, pixels)[0], lr), wanted, atol=2e-6)


def test_a_wrong_order_of_channels_would_show(onnx_file: MakeFile) -> None:
    path = onnx_file()
    lr = np.random.default_rng(0).random((1, 3, *TILE), np.float32)
    turned, _ = fixed(path, Pixels("bgr"))
    plain, _ = fixed(path, Pixels())
    assert np.abs(run(turned, lr) - run(plain, lr)).max() > 1e-3


def test_names_say_the_place_and_the_ends(onnx_file: MakeFile) -> None:
    model, _ = fixed(onnx_file(), Pixels())
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)
    convolutions = [node.name for node in model.graph.node if node.op_type == "Conv"]
    assert convolutions == ["first_convolution.Conv", "last_convolution.Conv"] and all(map(is_end, convolutions))
    assert {tensor.name for tensor in model.graph.initializer} >= {
        "first_convolution.Conv.1",
        "last_convolution.Conv.1",
    }


def test_fp16_becomes_fp32_exactly(onnx_file: MakeFile) -> None:
    from onnx import TensorProto, numpy_helper

    def halve(model: onnx.ModelProto) -> None:
        for tensor in model.graph.initializer:
            if tensor.name != "sizes":
                half = numpy_helper.to_array(tensor).astype(np.float16)
                tensor.CopyFrom(numpy_helper.from_array(half, tensor.name))
        for value in (*model.graph.input, *model.graph.output):
            value.type.tensor_type.elem_type = TensorProto.FLOAT16

    network = read_onnx(onnx_file(halve))
    assert network.input.dtype == "float16"
    wide = widened(network.model, HALF_TO_SINGLE)
    assert {tensor.data_type for tensor in wide.graph.initializer} == {TensorProto.FLOAT}
    for before, after in zip(network.model.graph.initializer, wide.graph.initializer, strict=True):
        assert np.array_equal(numpy_helper.to_array(before).astype(np.float32), numpy_helper.to_array(after))


def test_constants_of_a_shape_are_computed(onnx_file: MakeFile) -> None:
    """ConstantOfShape, which onnxscript leaves, and what is computed of it."""

    def with_zeros(model: onnx.ModelProto) -> None:
        sides = onnx.numpy_helper.from_array(np.array([1, 3, 1, 1]), "sides")
        model.graph.initializer.append(sides)
        model.graph.node.insert(0, onnx.helper.make_node("ConstantOfShape", ["sides"], ["zeros"]))
        model.graph.node.insert(1, onnx.helper.make_node("Exp", ["zeros"], ["ones"]))
        model.graph.node.append(onnx.helper.make_node("Add", ["large", "ones"], ["larger"]))
        model.graph.output[0].name = "larger"

    model, _ = fix(
        read_onnx(onnx_file(with_zeros)).model,
        FixJob("", Foreign("onnx", "image", "larger", "float32", Pixels()), TILE, 2, 18, ""),
    )
    assert not {"ConstantOfShape", "Exp"} & {node.op_type for node in model.graph.node}


@pytest.mark.parametrize("opset", [18, 20])
@pytest.mark.parametrize("wanted", [18, 19, 21, 22])
def test_group_norms_of_old_sets_keep_their_meaning(onnx_file: MakeFile, opset: int, wanted: int) -> None:
    """onnx's converter makes of a gain for each group the first channels' gains."""

    def grouped(model: onnx.ModelProto) -> None:
        for name, values in {"group_gain": [0.5, 1.0, 1.5, 3.0], "group_shift": [-0.5, 0.0, 0.2, 0.7]}.items():
            model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(values), name))
        (relu,) = [node for node in model.graph.node if node.op_type == "Relu"]
        inputs = [relu.input[0], "group_gain", "group_shift"]
        relu.CopyFrom(onnx.helper.make_node("GroupNormalization", inputs, relu.output, num_groups=4, epsilon=1e-3))
        model.opset_import[0].version = opset

    path = onnx_file(grouped)
    lr = np.random.default_rng(0).random((1, 3, *TILE), np.float32)
    foreign = Foreign("onnx", "image", "large", "float32", Pixels())
    expected = open_untouched(path, foreign, threads=1)(lr)
    model, applied = fixed(path, Pixels(), wanted)
    assert "lower-old-norms" in applied
    assert not any(node.op_type == "GroupNormalization" for node in model.graph.node)
    np.testing.assert_allclose(run(model, lr), expected, atol=5e-6)
