"""What gives other numbers each time is refused by name; order and narrow floats are seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from dlgsanet.errors import InputError
from export.networks.onnx_file.contents import DRAWN, holds_half, in_order, require_repeatable
from export.networks.onnx_file.reading import read_onnx
from tests.export.networks.onnx_file.conftest import network

MakeFile = Callable[..., Path]


def ending_in(*nodes: onnx.NodeProto, **constants: np.ndarray) -> onnx.ModelProto:
    """A network with these before its end; the last one gives "changed"."""
    model = network()
    last = model.graph.node.pop()
    model.graph.node.extend(nodes)
    model.graph.node.append(helper.make_node(last.op_type, ["changed"], last.output))
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    return model


@pytest.mark.parametrize("kind", DRAWN)
def test_what_draws_numbers_is_refused(kind: str) -> None:
    model = ending_in(helper.make_node(kind, ["sr_planes"], ["changed"], name="noise"))
    with pytest.raises(InputError, match=rf"^a: node 'noise' \('{kind}'\) gives other numbers each time: export .*inf"):
        require_repeatable(model, "a")


def dropout(*mode: str) -> onnx.NodeProto:
    return helper.make_node("Dropout", ["sr_planes", "ratio", *mode], ["changed"], name="drop")


def test_dropout_is_taken_where_it_drops_nothing() -> None:
    ratio = np.float32(0.5)
    require_repeatable(ending_in(dropout(), ratio=ratio), "a")
    require_repeatable(ending_in(dropout("mode"), ratio=ratio, mode=np.array(False)), "a")
    held = helper.make_node("Constant", [], ["mode"], value=numpy_helper.from_array(np.array(False)))
    require_repeatable(ending_in(held, dropout("mode"), ratio=ratio), "a")
    for unknown in ({"mode": np.array(True)}, {}):
        with pytest.raises(InputError, match=r"'drop' \('Dropout'\) drops numbers, as in training"):
            require_repeatable(ending_in(dropout("mode"), ratio=ratio, **unknown), "a")


def test_a_norm_that_learns_is_refused(onnx_file: MakeFile) -> None:
    def train(model: onnx.ModelProto) -> None:
        (norm,) = [node for node in model.graph.node if node.op_type == "BatchNormalization"]
        norm.attribute.append(helper.make_attribute("training_mode", 1))
        norm.output.extend(["mean_now", "var_now"])

    with pytest.raises(InputError, match=r"other.onnx: node 'b' .* takes its norm from the picture, as in training"):
        read_onnx(onnx_file(train))


def test_halves_are_seen_wherever_they_are() -> None:
    assert not holds_half(network())
    casts = [
        helper.make_node("Cast", ["sr_planes"], ["half"], to=TensorProto.FLOAT16),
        helper.make_node("Cast", ["half"], ["changed"], to=TensorProto.FLOAT),
    ]
    assert holds_half(ending_in(*casts))
    assert holds_half(ending_in(helper.make_node("Identity", ["sr_planes"], ["changed"]), unread=np.float16([1])))
    held = helper.make_node("Constant", [], ["unread"], value=numpy_helper.from_array(np.float16([1])))
    assert holds_half(ending_in(held, helper.make_node("Identity", ["sr_planes"], ["changed"])))


def test_nodes_are_put_in_order(onnx_file: MakeFile) -> None:
    def reversed_nodes(model: onnx.ModelProto) -> None:
        nodes = list(model.graph.node)[::-1]
        del model.graph.node[:]
        model.graph.node.extend(nodes)

    plain = network()
    assert in_order(plain) is plain
    found = read_onnx(onnx_file(reversed_nodes)).model
    onnx.checker.check_model(found, full_check=True)
    assert {node.op_type for node in found.graph.node} == {node.op_type for node in plain.graph.node}


@pytest.mark.parametrize("name", ["large", "nowhere"])
def test_what_has_no_order_is_left_to_the_engine(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    model = network()
    model.graph.node[2].input[0] = name
    assert in_order(model) is model
    assert capfd.readouterr() == ("", "")
