"""Graphs as PyTorch modules: the same numbers as in ONNX Runtime. ExecuTorch itself is not needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

pytest.importorskip("onnxruntime")

from dlgsanet.errors import InputError
from export.backends.executorch.entry import BACKEND
from export.backends.executorch.onnx_module import OnnxModule
from export.graph.graph import Graph
from tests.export.backends.operator_cases import (
    CASES,
    RNG,
    case_graph,
    graph_of,
    in_onnxruntime,
    in_whole_numbers,
    ints,
    network_graph,
    node,
)


def run(graph: Graph, lr: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return OnnxModule(graph).eval()(torch.from_numpy(lr)).numpy()


@pytest.mark.parametrize("name", CASES)
def test_an_operator_computes_the_same(name: str) -> None:
    graph = case_graph(name)
    BACKEND.refuse_graph(graph)
    lr = RNG.random((1, 4, 6, 8), np.float32)
    found, expected = run(graph, lr), in_onnxruntime(graph, lr)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.fixture(scope="module")
def small(make_model: Any) -> Graph:
    return network_graph(make_model(), "executorch")


def test_a_network_computes_the_same(small: Graph, to_db: Any) -> None:
    lr = RNG.random((1, 3, 16, 24), np.float32)
    assert to_db(run(small, lr), in_onnxruntime(small, lr)) > 110


@pytest.fixture(scope="module")
def whole(small: Graph, tmp_path_factory: pytest.TempPathFactory) -> Graph:
    """The network with its default layers in INT8."""
    return in_whole_numbers(small, tmp_path_factory.mktemp("int8"))


def test_whole_numbers_are_those_of_onnxruntime(small: Graph, whole: Graph, to_db: Any) -> None:
    lr = RNG.random((1, 3, 16, 24), np.float32)
    found = run(whole, lr)
    assert to_db(found, in_onnxruntime(whole, lr, as_written=True)) > 60
    assert to_db(found, run(small, lr)) < 60


def test_restored_pictures_that_are_filled_up_are_rounded_again(whole: Graph) -> None:
    """ExecuTorch 1.5.1 takes a padding behind `dequantize` for one of whole numbers; XNNPACK does not load that."""
    module = OnnxModule(whole).eval()
    nodes = torch.export.export(module, (torch.zeros(1, 3, 16, 24),)).graph.nodes
    pads = [node for node in nodes if "pad" in str(node.target)]
    behind = [node for node in pads if "dequantize" in str(node.args[0].target)]
    assert behind and all("quantize" in str(user.target) for node in behind for user in node.users)


def test_weights_with_zero_points_are_refused(whole: Graph) -> None:
    model = onnx.ModelProto.FromString(whole.data)
    restored = next(
        each for each in model.graph.node if each.op_type == "DequantizeLinear" and "weight" in each.input[0]
    )
    (zero,) = (each for each in model.graph.initializer if each.name == restored.input[2])
    zero.CopyFrom(numpy_helper.from_array(np.ones_like(numpy_helper.to_array(zero)), zero.name))
    with pytest.raises(InputError, match="weights without zero points"):
        OnnxModule(Graph(model))


def test_an_unknown_operator_is_named() -> None:
    with pytest.raises(InputError, match=r"no form of Sin \(Sin_sr\)"):
        BACKEND.refuse_graph(graph_of([node("Sin", "lr")], (1, 4, 6, 8)))


def test_a_form_that_there_is_not_is_refused_before_the_work() -> None:
    graph = graph_of([node("Pad", "lr p", mode="edge")], (1, 4, 7, 9), p=ints(0, 0, 0, 0, 0, 0, 1, 1))
    with pytest.raises(InputError, match="Pad_sr: no form of a padding of mode edge"):
        BACKEND.refuse_graph(graph)


def test_a_slice_in_steps_is_computed() -> None:
    graph = graph_of([node("Slice", "lr i j a s")], (1, 4, 3, 8), i=ints(0), j=ints(6), a=ints(2), s=ints(2))
    lr = RNG.random((1, 4, 6, 8), np.float32)
    np.testing.assert_array_equal(run(graph, lr), lr[:, :, ::2])
