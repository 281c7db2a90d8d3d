from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import onnx
import pytest

from export.graph.graph import METADATA_KEY, Graph


@pytest.fixture
def graph(make_graph: Callable[[tuple[int, int]], Any]) -> Graph:
    return Graph(make_graph((8, 12)))


def test_what_is_made_of_a_graph_is_made_once(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    data, inferred = graph.data, graph.inferred
    monkeypatch.setattr("export.graph.graph.onnx_bytes", lambda *given: pytest.fail("made again"))
    monkeypatch.setattr("export.graph.graph.onnx.shape_inference.infer_shapes", lambda *given: pytest.fail("again"))
    assert graph.data is data and graph.inferred is inferred and graph.stamped(None) is data
    assert onnx.load_from_string(data) == graph.model and graph.nodes == len(graph.model.graph.node)


def test_a_stamp_goes_into_the_file_and_not_into_the_graph(graph: Graph) -> None:
    stored = onnx.load_from_string(graph.stamped({"id": "x"})).metadata_props[0]
    assert (stored.key, json.loads(stored.value)) == (METADATA_KEY, {"id": "x"})
    beside = onnx.load_from_string(graph.stamped({"id": "x"}, {"scale": "4"})).metadata_props
    assert {it.key: it.value for it in beside} == {METADATA_KEY: stored.value, "scale": "4"}
    assert not graph.model.metadata_props and graph.data != graph.stamped({"id": "x"})


def test_graphs_are_told_apart_by_identity(graph: Graph) -> None:
    assert graph != Graph(graph.model) and len({graph, graph, Graph(graph.model)}) == 2
