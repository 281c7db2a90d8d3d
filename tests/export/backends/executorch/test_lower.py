"""ExecuTorch's programs of the smallest network, compiled and run for real."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("executorch.exir", reason="needs the extra executorch")
pytest.importorskip("onnxruntime")

from export.backends.executorch.lower import CORE_ML, VULKAN, Delegate, lower
from export.backends.executorch.onnx_module import OnnxModule
from export.backends.executorch.operators import VULKAN_OPERATORS
from export.backends.executorch.vulkan_forms import vulkan_forms
from export.graph.graph import Graph
from runtimes.backends.coreml.mil.executor import Executor
from runtimes.backends.executorch.coreml_reference import DELEGATE as COREML_DELEGATE
from runtimes.backends.executorch.coreml_reference import read_delegate
from runtimes.backends.executorch.layers import ProgramFile, require_whole
from runtimes.backends.executorch.method import OpenMethod
from runtimes.backends.executorch.vulkan_graph import DELEGATE as VULKAN_DELEGATE
from runtimes.backends.executorch.vulkan_graph import VulkanGraph, require_vulkan
from tests.export.backends.operator_cases import RNG, in_onnxruntime, in_whole_numbers, network_graph

pytestmark = pytest.mark.slow  # a minute of compiling each


@pytest.fixture(scope="module")
def small(make_model: Any) -> Graph:
    return network_graph(make_model(), "executorch")


def compiled(folder: Path, graph: Graph, delegate: Delegate) -> bytes:
    (folder / "graph.onnx").write_bytes(graph.data)
    lower(folder / "graph.onnx", folder / "program.pte", delegate)
    return (folder / "program.pte").read_bytes()


def test_a_network_computes_the_same_and_is_delegated_whole(small: Graph, tmp_path: Path, to_db: Any) -> None:
    data, lr = compiled(tmp_path, small, Delegate()), RNG.random((1, 3, 16, 24), np.float32)
    assert ProgramFile(data).left == {}
    assert ProgramFile(data).precision == "fp32"
    assert to_db(OpenMethod(data, 1).run(lr), in_onnxruntime(small, lr)) > 110


def test_whole_numbers_run_and_are_those_of_onnxruntime(small: Graph, tmp_path: Path, to_db: Any) -> None:
    graph = in_whole_numbers(small, tmp_path)
    data, lr = compiled(tmp_path, graph), RNG.random((1, 3, 16, 24), np.float32)
    program = ProgramFile(data)
    assert (program.precision, program.left) == ("int8", {})
    assert sum(layer.precision == "int8" for layer in program.layers) > 10
    assert to_db(OpenMethod(data, 1).run(lr), in_onnxruntime(graph, lr, as_written=True)) > 60


def test_core_ml_takes_a_network_whole_and_computes_the_same(make_model: Any, tmp_path: Path, to_db: Any) -> None:
    pytest.importorskip("coremltools")
    graph = network_graph(make_model(), "executorch-coreml", "fp16")
    data, lr = (
        compiled(tmp_path, graph, Delegate(CORE_ML, half=True, oldest="iOS17")),
        RNG.random((1, 3, 16, 24), np.float32),
    )
    require_whole(data, COREML_DELEGATE)
    model, weights = read_delegate(data)
    (sr,) = Executor(model, weights, strict=True).run({model.inputs[0].name: lr}).values()
    assert to_db(np.asarray(sr, np.float32), in_onnxruntime(graph, lr)) > 60


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_vulkan_takes_a_network_whole(make_model: Any, tmp_path: Path, precision: str) -> None:
    graph = network_graph(make_model(), "executorch-vulkan", precision)
    data = compiled(tmp_path, graph, Delegate(VULKAN, half=precision == "fp16"))
    require_vulkan(data, precision)
    assert "aten.convolution.default" in VulkanGraph(require_whole(data, VULKAN_DELEGATE)).operators


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_what_vulkan_is_given_computes_the_same_in_portable_kernels(
    make_model: Any, precision: str, to_db: Any
) -> None:
    """No Vulkan: ExecuTorch's own kernels in fp32 run the program that the delegate would have been given."""
    from executorch.exir import to_edge

    graph = network_graph(make_model(), "executorch-vulkan", precision)
    lr = RNG.random((1, 3, 16, 24), np.float32)
    with torch.no_grad():
        exported = torch.export.export(OnnxModule(graph, VULKAN_OPERATORS).eval(), (torch.from_numpy(lr),))
        data = to_edge(exported.run_decompositions(vulkan_forms())).to_executorch().buffer
    assert ProgramFile(data).delegates == ()
    assert "aten::maximum" not in ProgramFile(data).left
    assert to_db(OpenMethod(data, 1).run(lr), in_onnxruntime(graph, lr)) > 110
