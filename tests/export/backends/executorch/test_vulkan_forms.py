"""What Vulkan's delegate is given computes what the graph does, without the forms that it computes wrongly. ExecuTorch
is not needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("onnxruntime")

from dlgsanet.errors import BackendError, InputError
from export.backends.executorch.entry import VULKAN_BACKEND
from export.backends.executorch.onnx_module import OnnxModule
from export.backends.executorch.operators import VULKAN_OPERATORS
from export.backends.executorch.vulkan_forms import require_same, vulkan_forms
from export.graph.graph import Graph
from tests.export.backends.operator_cases import (
    CASES,
    RNG,
    case_graph,
    floats,
    graph_of,
    in_onnxruntime,
    network_graph,
    node,
)

WRONG = ("depthwise, twice", "grouped")
SEVEN = graph_of([node("Conv", "lr k", pads=[3] * 4, group=4)], (1, 4, 6, 8), k=floats(4, 1, 7, 7))


def given(graph: Graph, shape: tuple[int, ...] = (1, 4, 6, 8)) -> torch.export.ExportedProgram:
    with torch.no_grad():
        exported = torch.export.export(OnnxModule(graph, VULKAN_OPERATORS).eval(), (torch.zeros(shape),))
        return exported.run_decompositions(vulkan_forms())


def computed(program: torch.export.ExportedProgram, lr: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return program.module()(torch.from_numpy(lr)).numpy()


def calls(program: torch.export.ExportedProgram, name: str) -> list[torch.fx.Node]:
    return [each for each in program.graph.nodes if str(each.target).startswith(f"aten.{name}.")]


@pytest.mark.parametrize("name", [name for name in CASES if name not in WRONG])
def test_an_operator_computes_the_same(name: str) -> None:
    graph = case_graph(name)
    VULKAN_BACKEND.refuse_graph(graph)
    lr = RNG.random((1, 4, 6, 8), np.float32)
    np.testing.assert_allclose(computed(given(graph), lr), in_onnxruntime(graph, lr), atol=2e-5)


@pytest.mark.parametrize("name", WRONG)
def test_what_the_delegate_computes_wrongly_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"in (2|4) groups wrongly.*leave executorch-vulkan out of --to"):
        VULKAN_BACKEND.refuse_graph(case_graph(name))


def test_zeros_around_a_depthwise_convolution_are_written_out() -> None:
    program, lr = given(SEVEN), RNG.random((1, 4, 6, 8), np.float32)
    ((_, _, _, _, padding, *_),) = (each.args for each in calls(program, "conv2d"))
    assert not any(padding) if isinstance(padding, (list, tuple)) else padding == 0
    assert calls(program, "pad") or calls(program, "constant_pad_nd")
    np.testing.assert_allclose(computed(program, lr), in_onnxruntime(SEVEN, lr), atol=2e-5)


def test_a_dense_convolution_keeps_its_zeros() -> None:
    ((_, _, _, _, padding, *_),) = (each.args for each in calls(given(case_graph("dense 3x3")), "conv2d"))
    assert list(padding) == [1, 1]


def test_gelu_is_the_exact_one_without_being_named() -> None:
    program = given(case_graph("gelu"))
    assert not calls(program, "gelu") and not calls(program, "reciprocal")
    x = torch.linspace(-12, 12, 100_001)
    form = vulkan_forms()[torch.ops.aten.gelu.default]
    assert float((form(x) - torch.nn.functional.gelu(x.double())).abs().max()) < 1e-6
    assert form(torch.tensor([-1e4, 1e4])).tolist() == [0.0, 1e4]
    assert form(x, approximate="tanh") is NotImplemented


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_network_has_no_larger_of_two(make_model: Any, precision: str, to_db: Any) -> None:
    graph = network_graph(make_model(), "executorch-vulkan", precision)
    program, lr = given(graph, (1, 3, 16, 24)), RNG.random((1, 3, 16, 24), np.float32)
    assert calls(program, "minimum") and not calls(program, "maximum")
    assert to_db(computed(program, lr), in_onnxruntime(graph, lr)) > 110


def test_a_delegate_is_given_the_network_or_nothing() -> None:
    def network(lr: torch.Tensor) -> torch.Tensor:
        return lr * 2

    require_same(lambda lr: network(lr) + 1e-6, network, (1, 3, 6, 8))
    for other in (lambda lr: network(lr) + 1e-3, lambda lr: network(lr) * torch.nan):
        with pytest.raises(BackendError, match="is another one: it differs by"):
            require_same(other, network, (1, 3, 6, 8))
