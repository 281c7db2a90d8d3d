"""Torch as torch.compile makes it. `compile` is replaced where a test is not slow: what it makes takes a minute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from benchmarks.subjects.torch_compiled import CompiledRunner, compiled
from dlgsanet.errors import UnavailableError
from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet
from runtimes.runner.contract import Compiling
from runtimes.runner.tiling import Array

LR = np.random.default_rng(1).random((1, 3, 8, 8), np.float32)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Clock:
    """The time in ms as the runner sees it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr("benchmarks.subjects.torch_compiled.now_ms", lambda: self.now)

    def function(self, first: float) -> Callable[[Array], Array]:
        """Takes `first` ms when it is first called, then 5."""
        times = iter([first])

        def twice(lr: Array) -> Array:
            self.now += next(times, 5.0)
            return np.repeat(np.repeat(lr, 2, 2), 2, 3)

        return twice


class Waves(torch.nn.Module):
    """The least that needs a kernel of its own."""

    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(torch.sin(lr), scale_factor=2)


def runner(function: Callable[[Array], Array], made_of: str = "weights") -> CompiledRunner:
    return CompiledRunner(function, 2, (8, 8), "torch-compiled", threads=2, versions={}, made_of=made_of)


@pytest.mark.usefixtures("cache")
def test_compiling_is_timed_apart_and_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    with runner(clock.function(first=30_005)) as run:
        assert run.compiling() == Compiling(30_000, 30_000)
    with runner(clock.function(first=905)) as run:  # out of the compiler's cache
        assert run.compiling() == Compiling(900, 30_000)
    with runner(clock.function(first=905), made_of="other weights") as run:
        assert run.compiling() == Compiling(900, 900)


@pytest.mark.usefixtures("cache")
def test_without_a_compiler_it_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._inductor import config

    with config.patch({"cpp.cxx": ("/no/such/compiler",)}):
        made = compiled(Waves().eval(), 1)
        function = lambda lr: made(torch.from_numpy(lr)).detach().numpy()  # noqa: E731
        with pytest.raises(UnavailableError, match=r"needs a C\+\+ compiler .*No working C\+\+ compiler"):
            runner(function).__enter__()


@pytest.mark.slow
@pytest.mark.usefixtures("cache")
def test_what_is_compiled_computes_the_same() -> None:
    torch.manual_seed(3)
    model = DLGSANet(ModelConfig(12, 1, 1, 2)).eval()
    with torch.inference_mode():
        made = compiled(model, 1)
        with runner(lambda lr: made(torch.from_numpy(lr)).numpy()) as run:
            assert np.abs(run.infer(LR) - model(torch.from_numpy(LR)).numpy()).max() < 1e-5
            compiling = run.compiling()
            assert compiling is not None and compiling.first_ms > 1000
