"""The plan of `build`: nothing is compiled, and what cannot be is refused."""

from __future__ import annotations

import pytest

from dlgsanet.errors import InputError, UnavailableError
from runtimes.backends.tensorrt.building import run
from runtimes.backends.tensorrt.building.options import BuildOptions
from runtimes.backends.tensorrt.building.plan import plan_build


@pytest.fixture(autouse=True)
def nothing_compiles(monkeypatch):
    def refuse(*_):
        raise AssertionError("a plan compiles nothing")

    monkeypatch.setattr(run, "compile_engine", refuse)


def test_it_says_where_and_what_and_writes_nothing(graphs, device):
    device()
    before = sorted(graphs.rglob("*"))
    plan = plan_build(graphs, BuildOptions(("tensorrt-fp16",)))
    assert [order.artifact.id for order in plan.orders] == ["tensorrt-fp16-16x16"]
    assert (plan.stack.library, plan.stack.version, plan.gpu.sm) == ("tensorrt", "10.3.0", "sm87")
    assert "Fake Orin (sm87)" in " ".join(plan.lines())
    assert sorted(graphs.rglob("*")) == before


def test_what_cannot_be_built_is_refused(graphs, bundle, device):
    device()
    with pytest.raises(InputError, match="no TensorRT artifact begins with 'tensorrt-fp8'"):
        plan_build(graphs, BuildOptions(("tensorrt-fp8",)))
    with pytest.raises(UnavailableError, match="holds no TensorRT graph"):
        plan_build(bundle, BuildOptions())
    device(version="10.16.2")
    changed = next(graphs.glob("tensorrt/*fp16*.onnx"))
    changed.write_bytes(b"torn")
    with pytest.raises(InputError, match="was changed"):
        plan_build(graphs, BuildOptions(("tensorrt-fp16",)))
