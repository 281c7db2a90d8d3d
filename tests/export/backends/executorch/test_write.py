"""A program for Core ML is written whole or not at all. Its compiler is stood in for, by files that it made."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlgsanet.errors import InputError
from export.backends.backend import Order
from export.backends.executorch import write
from export.graph.graph import Graph
from export.targets.table import Target
from tests.export.backends.operator_cases import FIRST, LINEAR, graph_of
from tests.runtimes.backends.executorch.executorch_kit import LEFT_COREML, TINY, TINY_COREML


@pytest.fixture
def order(tmp_path: Path) -> Order:
    graph: Graph = graph_of([FIRST], (1, 4, 6, 8), **LINEAR)
    return Order(tmp_path, "small", graph, Target("executorch-coreml", "fp16", (6, 8), deployment="iOS18"))


def compiler(monkeypatch: pytest.MonkeyPatch, data: bytes) -> list[str]:
    """`lower` gives these bytes; the list gets the systems that it is asked for."""
    asked: list[str] = []

    def lower(onnx_file: Path, program: Path, apple: str) -> None:
        asked.append(apple)
        program.write_bytes(data)

    monkeypatch.setattr(write, "lower", lower)
    return asked


def test_the_oldest_system_is_handed_on(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = compiler(monkeypatch, TINY_COREML)
    assert write.write_coreml(order).path == "executorch/small.pte"
    assert asked == ["iOS18"]
    compiler(monkeypatch, TINY)
    assert write.write(order).path == "executorch/small.pte"


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
