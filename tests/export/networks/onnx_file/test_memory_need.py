"""A few bytes that ask for gigabytes are refused before they are run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from dlgsanet.errors import InputError
from export.networks.onnx_file import memory_need
from export.networks.onnx_file.memory_need import MOST, PIXELS, require_modest
from runtimes.backends.onnxruntime.look import LookJob, look

SIZE = (37, 41)
Made = tuple[list[onnx.NodeProto], int]
"""Nodes from `image` to `same`, of its size, and the numbers of the largest tensor between."""


def ints(name: str, values: Sequence[int]) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(values, np.int64)))


def floats(name: str, values: object) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(values, np.float32)))


def repeated(operator: str) -> Callable[[int], Made]:
    def make(fold: int) -> Made:
        nodes = [
            ints("last", [4]),
            ints("times", [1, 1, 1, 1, fold]),
            helper.make_node("Unsqueeze", ["image", "last"], ["axis"]),
            helper.make_node(operator, ["axis", "times"], ["large_one"], name="the_bomb"),
            helper.make_node("ReduceMax", ["large_one"], ["same"], axes=[4], keepdims=0),
        ]
        return nodes, 3 * prod(SIZE) * fold

    return make


def filled(fold: int) -> Made:
    nodes = [
        ints("sides", [fold, 3, *SIZE]),
        helper.make_node("ConstantOfShape", ["sides"], ["large_one"], name="the_bomb"),
        helper.make_node("ReduceMax", ["large_one"], ["most"], keepdims=0),
        helper.make_node("Add", ["image", "most"], ["same"]),
    ]
    return nodes, 3 * prod(SIZE) * fold


def resized(fold: int) -> Made:
    side = max(1, int(fold**0.5))
    nodes = [
        floats("by", [1, 1, side, side]),
        helper.make_node("Resize", ["image", "", "by"], ["large_one"], name="the_bomb", mode="nearest"),
        helper.make_node("MaxPool", ["large_one"], ["same"], kernel_shape=[side, side], strides=[side, side]),
    ]
    return nodes, 3 * prod(SIZE) * side * side


def padded(fold: int) -> Made:
    nodes = [
        ints("rows", [0, 0, 0, 0, 0, 0, SIZE[0] * (fold - 1), 0]),
        ints("ends", [SIZE[0]]),
        ints("begin", [0]),
        ints("axis", [2]),
        helper.make_node("Pad", ["image", "rows"], ["large_one"], name="the_bomb"),
        helper.make_node("Slice", ["large_one", "begin", "ends", "axis"], ["same"]),
    ]
    return nodes, 3 * prod(SIZE) * fold


def as_large_as_it_says(fold: int) -> Made:
    """The times are computed from the picture's own sides."""
    nodes = [
        helper.make_node("Shape", ["image"], ["sides"], start=1, end=2),
        ints("by", [fold]),
        helper.make_node("Mul", ["sides", "by"], ["count"]),
        ints("ones", [1, 1, 1, 1]),
        ints("last", [4]),
        helper.make_node("Concat", ["ones", "count"], ["times"], axis=0),
        helper.make_node("Unsqueeze", ["image", "last"], ["axis"]),
        helper.make_node("Expand", ["axis", "times"], ["large_one"], name="the_bomb"),
        helper.make_node("ReduceMax", ["large_one"], ["same"], axes=[4], keepdims=0),
    ]
    return nodes, 9 * prod(SIZE) * fold


def network(nodes: list[onnx.NodeProto]) -> onnx.ModelProto:
    """x2, with `nodes` before."""
    enlarge = [floats("two", [1, 1, 2, 2]), helper.make_node("Resize", ["same", "", "two"], ["large"], mode="nearest")]
    graph = helper.make_graph(
        [*nodes, *enlarge],
        "bomb",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "h", "w"])],
        [helper.make_tensor_value_info("large", TensorProto.FLOAT, ["n", "c", "H", "W"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8)
    onnx.checker.check_model(model)
    return model


KINDS = {
    "Tile": repeated("Tile"), "Expand": repeated("Expand"), "ConstantOfShape": filled, "Resize": resized, "Pad": padded,
    "computed": as_large_as_it_says,
}  # fmt: skip


@given(st.sampled_from(sorted(KINDS)), st.one_of(st.integers(1, 300_000), st.integers(50_000, 65_000)))
@settings(max_examples=150, deadline=None)
def test_what_asks_for_more_is_refused_and_what_does_not_is_not(kind: str, fold: int) -> None:
    nodes, numbers = KINDS[kind](fold)
    if 4 * numbers > MOST:
        with pytest.raises(InputError, match=r"^node 'the_bomb' \('\w+'\) takes [\d,.]+ GB for a picture of 37x41, "):
            require_modest(network(nodes), "NCHW", SIZE)
    else:
        require_modest(network(nodes), "NCHW", SIZE)


def test_a_larger_picture_may_take_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_need, "available_bytes", lambda: None)
    nodes, numbers = KINDS["Tile"](6_000)
    assert MOST < 4 * numbers // prod(SIZE) * (4 * PIXELS) < 4 * MOST
    require_modest(network(nodes), "NCHW", (128, 4 * PIXELS // 128))
    monkeypatch.setattr(memory_need, "available_bytes", lambda: 1 << 28)
    with pytest.raises(InputError, match=r"expected at most 0\.3 GB"):
        require_modest(network(KINDS["Tile"](20_000)[0]), "NCHW", SIZE)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_file_is_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.onnx"
    path.write_bytes(network(KINDS[kind](200_000)[0]).SerializeToString())
    with pytest.raises(InputError, match="the_bomb"):
        look(LookJob(str(path), None, 1.0, "rgb"))


def test_what_cannot_be_foreseen_is_held_by_the_process(tmp_path: Path) -> None:
    """How often a picture is repeated follows from its brightest pixel."""
    nodes = [
        helper.make_node("ReduceMax", ["image"], ["most"], keepdims=0),
        helper.make_node("Ceil", ["most"], ["one"]),
        floats("by", 200_000),
        helper.make_node("Mul", ["one", "by"], ["fold"]),
        helper.make_node("Cast", ["fold"], ["whole"], to=TensorProto.INT64),
        ints("flat", [1]),
        helper.make_node("Reshape", ["whole", "flat"], ["count"]),
        ints("ones", [1, 1, 1, 1]),
        ints("last", [4]),
        helper.make_node("Concat", ["ones", "count"], ["times"], axis=0),
        helper.make_node("Unsqueeze", ["image", "last"], ["axis"]),
        helper.make_node("Tile", ["axis", "times"], ["large_one"], name="the_bomb"),
        helper.make_node("ReduceMax", ["large_one"], ["same"], axes=[4], keepdims=0),
    ]
    path = tmp_path / "bomb.onnx"
    path.write_bytes(network(nodes).SerializeToString())
    with pytest.raises(InputError, match="ONNX Runtime failed on the network's own file at 37x41"):
        look(LookJob(str(path), None, 1.0, "rgb"))
