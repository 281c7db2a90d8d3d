"""What is no network of one picture is refused by what it declares, before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from dlgsanet.errors import InputError
from export.networks.onnx_file.reading import read_onnx

Change = Callable[[onnx.ModelProto], None]


def test_what_a_file_declares_is_read(onnx_file: Callable[..., Path]) -> None:
    found = read_onnx(onnx_file())
    assert (found.input.name, found.output.name, found.layout, found.fixed) == ("image", "large", "NCHW", None)
    assert read_onnx(onnx_file(sides=(24, 32))).fixed == (24, 32)
    fixed = read_onnx(onnx_file(sides=(24, 32), layout="NHWC"))
    assert (fixed.layout, fixed.fixed) == ("NHWC", (24, 32))


def test_a_file_that_names_no_side_is_tried_as_planes(onnx_file: Callable[..., Path]) -> None:
    def unsaid(model: onnx.ModelProto) -> None:
        for dim, name in zip(model.graph.input[0].type.tensor_type.shape.dim, "nchw", strict=True):
            dim.dim_param = name

    assert read_onnx(onnx_file(unsaid)).layout == "NCHW"


def second_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1, 1, 4, 4]))


def second_output(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("c", TensorProto.FLOAT, ["n", "c", "H", "W"]))


def integers(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8


def flat(model: onnx.ModelProto) -> None:
    del model.graph.input[0].type.tensor_type.shape.dim[3:]


def one_channel(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 1


def batch(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 4


def foreign_operator(model: onnx.ModelProto) -> None:
    model.graph.node[1].domain = "com.example"


def control(model: onnx.ModelProto) -> None:
    model.graph.node[1].op_type = "Loop"


def outside(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")


def not_a_number(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.full((8, 3, 3, 3), np.nan, np.float32), "w1"))


def inside_a_node(model: onnx.ModelProto, value: float = 1.0) -> onnx.NodeProto:
    held = numpy_helper.from_array(np.float32([value]), "held")
    model.graph.node.insert(0, helper.make_node("Constant", [], ["unread"], name="held", value=held))
    return model.graph.node[0]


def outside_of_a_node(model: onnx.ModelProto) -> None:
    tensor = inside_a_node(model).attribute[0].t
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def not_a_number_in_a_node(model: onnx.ModelProto) -> None:
    inside_a_node(model, np.nan)


def control_in_a_function(model: onnx.ModelProto) -> None:
    nodes = [helper.make_node("Loop", ["a"], ["b"])]
    made = helper.make_function("local", "f", ["a"], ["b"], nodes, [helper.make_opsetid("", 16)])
    model.functions.append(made)


def endless(model: onnx.ModelProto) -> None:
    for dim in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        dim.dim_value = 100_000


def without_pixels(model: onnx.ModelProto) -> None:
    for dim in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        dim.dim_value = 0


def of_gigabytes(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [1 << 15, 1 << 15]


def nothing_out(model: onnx.ModelProto) -> None:
    del model.graph.output[:]


def cut_weights(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]


def old(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 9


def one_side(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 24


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (second_input, "one input, a picture, found 2: 'image', 'mask'"),
        (second_output, "one output, a picture, found 2"),
        (integers, "expected floats as input 'image', found UINT8"),
        (flat, r"expected a picture \(1, 3, H, W\)"),
        (one_channel, "a picture of 3 channels"),
        (batch, r"one picture at a time, found \(4, 3, \?, \?\)"),
        (foreign_operator, "is 'Conv' of 'com.example', not a standard operator"),
        (control, "is 'Loop', control flow"),
        (outside, "keeps 'w1' in another file"),
        (not_a_number, "'w1' holds values that are not finite"),
        (cut_weights, "'w1' is damaged"),
        (outside_of_a_node, "keeps 'held' in another file"),
        (not_a_number_in_a_node, "'held' holds values that are not finite"),
        (control_in_a_function, "is 'Loop', control flow"),
        (endless, "pictures of 1 to 16,777,216 pixels, found 100000x100000 alone"),
        (without_pixels, "found 0x0 alone"),
        (of_gigabytes, "'w1' is damaged"),
        (nothing_out, "one output, a picture, found 0: none"),
        (old, "expected operator set 11 to 22, found 9"),
        (one_side, "fixes one side of the picture alone"),
    ],
)
def test_anything_else_is_refused_in_one_line(onnx_file: Callable[..., Path], change: Change, words: str) -> None:
    with pytest.raises(InputError, match=words):
        _ = read_onnx(onnx_file(change)).fixed


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x08\x07" * 900])
def test_what_is_no_onnx_file_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.onnx").write_bytes(data)
    with pytest.raises(InputError, match=r"^a\.onnx(: expected operator set| is no ONNX file)"):
        read_onnx(tmp_path / "a.onnx")
    with pytest.raises(InputError, match="it is a folder"):
        read_onnx(tmp_path)
