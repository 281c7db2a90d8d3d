"""ExecuTorch's programs of the smallest network, compiled and run for real."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("executorch.exir", reason="needs the extra executorch")
pytest.importorskip("onnxruntime")

from export.backends.executorch.lower import lower
from export.graph.graph import Graph
from runtimes.backends.coreml.mil.executor import Executor
from runtimes.backends.executorch.coreml_reference import read_delegate, require_whole
from runtimes.backends.executorch.layers import ProgramFile
from runtimes.backends.executorch.method import OpenMethod
from tests.export.backends.operator_cases import RNG, in_onnxruntime, network_graph

pytestmark = pytest.mark.slow  # a minute of compiling each


@pytest.fixture(scope="module")
def small(make_model: Any) -> Graph:
    return network_graph(make_model(), "executorch")


def compiled(folder: Path, graph: Graph, apple: str = "") -> bytes:
    (folder / "graph.onnx").write_bytes(graph.data)
    lower(folder / "graph.onnx", folder / "program.pte", apple)
    return (folder / "program.pte").read_bytes()


def test_a_network_computes_the_same_and_is_delegated_whole(small: Graph, tmp_path: Path, to_db: Any) -> None:
    data, lr = compiled(tmp_path, small), RNG.random((1, 3, 16, 24), np.float32)
    assert ProgramFile(data).left == {}
    assert ProgramFile(data).precision == "fp32"
    assert to_db(OpenMethod(data, 1).run(lr), in_onnxruntime(small, lr)) > 110


def test_core_ml_takes_a_network_whole_and_computes_the_same(make_model: Any, tmp_path: Path, to_db: Any) -> None:
    pytest.importorskip("coremltools")
    graph = network_graph(make_model(), "executorch-coreml", "fp16")
    data, lr = compiled(tmp_path, graph, "iOS17"), RNG.random((1, 3, 16, 24), np.float32)
    require_whole(data)
    model, weights = read_delegate(data)
    (sr,) = Executor(model, weights, strict=True).run({model.inputs[0].name: lr}).values()
    assert to_db(np.asarray(sr, np.float32), in_onnxruntime(graph, lr)) > 60
