"""Artifacts are judged by the gates, against the module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.studies.zoo import judge
from dlgsanet.errors import BackendError, InputError
from runtimes.runner.tiling import Array

TILE = (32, 32)


def enlarged(lr: Array) -> Array:
    return lr.repeat(2, 2).repeat(2, 3)


def artifact(backend: str = "onnxruntime", engine: object = None) -> SimpleNamespace:
    return SimpleNamespace(backend=backend, precision="fp32", tile=TILE, graph=SimpleNamespace(engine=engine))


class Running:
    """A runner that says what precision ran."""

    def __init__(self, run: Callable[[Array], Array], precision: str, lacking: str | None) -> None:
        self.run, self.info = run, SimpleNamespace(reported_precision=precision, lacking=lacking)

    def __call__(self, lr: Array) -> Array:
        return self.run(lr)


def judged(
    monkeypatch: pytest.MonkeyPatch, run: Callable[[Array], Array], precision: str = "fp32", lacking: str | None = None
) -> tuple[str, str, float | None]:
    @contextmanager
    def runner(*given: object) -> Iterator[Running]:
        yield Running(run, precision, lacking)

    monkeypatch.setattr(judge, "backend_runner", runner)
    return judge.judged(Path(), artifact(), 2, enlarged)  # type: ignore[arg-type]


def test_what_computes_the_module_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(monkeypatch, enlarged) == ("passes", "", None)
    result, reason, db = judged(monkeypatch, lambda lr: enlarged(lr) + np.float32(1e-6))
    assert (result, reason) == ("passes", "") and db is not None and 115 < db < 125


def test_another_precision_than_asked_for_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    result, reason, _ = judged(monkeypatch, enlarged, "bf16")
    assert result == "fails" and "bf16" in reason
    assert judged(monkeypatch, enlarged, "bf16", "CPU has no fp32") == ("not run", "CPU has no fp32", None)


@pytest.mark.parametrize("fault", [lambda sr: sr * 0.99, lambda sr: np.roll(sr, 1, 3)], ids=["darker", "shifted"])
def test_what_does_not_fails(monkeypatch: pytest.MonkeyPatch, fault: Callable[[Array], Array]) -> None:
    result, reason, _ = judged(monkeypatch, lambda lr: fault(enlarged(lr)))
    assert result == "fails" and "dB to the reference" in reason


@pytest.mark.parametrize(
    ("error", "result"), [(InputError("no such form"), "refused"), (BackendError("died"), "fails")]
)
def test_an_engine_that_does_not_run_it_says_why(
    monkeypatch: pytest.MonkeyPatch, error: Exception, result: str
) -> None:
    def broken(lr: Array) -> Array:
        raise error

    assert judged(monkeypatch, broken) == (result, str(error), None)


def test_what_is_for_another_machine_is_compiled() -> None:
    found = judge.judged(Path(), artifact("tensorrt-rtx", {"sm": "90"}), 2, enlarged)  # type: ignore[arg-type]
    assert found == ("compiled", "", None)
