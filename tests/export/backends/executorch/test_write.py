"""A program for Core ML or Vulkan is written whole or not at all. Its compiler is stood in for, by what it made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dlgsanet.errors import InputError
from export.backends.backend import Order
from export.backends.executorch import write
from export.backends.executorch.lower import Delegate
from export.graph.graph import Graph
from export.targets.table import Target
from tests.export.backends.operator_cases import FIRST, LINEAR, graph_of
from tests.runtimes.backends.executorch.executorch_kit import LEFT_COREML, TINY, TINY_COREML, TINY_VULKAN


@pytest.fixture
def order(tmp_path: Path) -> Order:
    graph: Graph = graph_of([FIRST], (1, 4, 6, 8), **LINEAR)
    return Order(tmp_path, "small", graph, Target("executorch-coreml", "fp16", (6, 8), deployment="iOS18"))


def compiler(monkeypatch: pytest.MonkeyPatch, data: bytes) -> list[Delegate]:
    """`lower` gives these bytes; the list gets the delegates that it is asked for."""
    asked: list[Delegate] = []

    def lower(onnx_file: Path, program: Path, delegate: Delegate) -> None:
        asked.append(delegate)
        program.write_bytes(data)

    monkeypatch.setattr(write, "lower", lower)
    return asked


def test_the_oldest_system_is_handed_on(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = compiler(monkeypatch, TINY_COREML)
    assert write.write_coreml(order).path == "executorch/small.pte"
    assert asked == [Delegate("Core ML", half=True, oldest="iOS18")]
    asked = compiler(monkeypatch, TINY)
    assert write.write(order).path == "executorch/small.pte"
    assert asked == [Delegate("XNNPACK")]


@pytest.mark.parametrize(
    ("data", "said"),
    [(LEFT_COREML, "small: the delegate leaves 1 aten::pixel_shuffle to"), (TINY, "found XnnpackBackend")],
)
def test_what_core_ml_does_not_take_is_refused(
    order: Order, monkeypatch: pytest.MonkeyPatch, data: bytes, said: str
) -> None:
    compiler(monkeypatch, data)
    with pytest.raises(InputError, match=rf"{said}.*leave executorch-coreml out"):
        write.write_coreml(order)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_vulkan_is_asked_for_the_precision_and_held_to_it(
    order: Order, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    given = replace(order, target=Target("executorch-vulkan", precision, (6, 8)))
    asked = compiler(monkeypatch, TINY_VULKAN)  # it stores fp16
    if precision == "fp16":
        assert write.write_vulkan(given).path == "executorch/small.pte"
    else:
        with pytest.raises(InputError, match=r"expected fp32 throughout, .* fp16: .*leave executorch-vulkan out"):
            write.write_vulkan(given)
    assert asked == [Delegate("Vulkan", half=precision == "fp16")]


def test_what_vulkan_does_not_take_is_refused(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler(monkeypatch, TINY)
    given = replace(order, target=Target("executorch-vulkan", "fp32", (6, 8)))
    with pytest.raises(InputError, match="expected one call of VulkanBackend, found XnnpackBackend"):
        write.write_vulkan(given)
