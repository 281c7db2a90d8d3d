"""Graphs as PyTorch modules: the same numbers as in ONNX Runtime. ExecuTorch itself is not needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

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
