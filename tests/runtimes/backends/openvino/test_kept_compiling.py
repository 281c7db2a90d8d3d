"""A network that was compiled before is the same network, and only that one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlgsanet.storage.shelf import KeptEntries
from runtimes import open_runner
from runtimes.backends.openvino import kept_compiling
from runtimes.backends.openvino.kept_compiling import KeptCompiling
from runtimes.machine import processor

openvino = pytest.importorskip("openvino")

LR = np.random.default_rng(0).random((1, 3, 16, 16), dtype=np.float32)


@pytest.fixture(autouse=True)
def home(own_cache: Path) -> Path:
    return own_cache / "compiled"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A line for each network that was not found."""
    found: list[str] = []
    real = kept_compiling.facts_of
    monkeypatch.setattr(kept_compiling, "facts_of", lambda network: (found.append("read"), real(network))[1])
    return found


def opened(bundle: Path, name: str = "openvino-fp32-16x16", **options: Any) -> tuple[Any, ...]:
    with open_runner(bundle, name, **{"threads": 1, "cache": True, **options}) as run:
        return run.info, run.macs(), run.infer(LR).tobytes()


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_the_second_time_it_is_loaded_and_nothing_differs(bundle: Path, read: list[str], precision: str) -> None:
    name = f"openvino-{precision}-16x16"
    fresh = opened(bundle, name, cache=False)
    assert opened(bundle, name) == fresh and len(read) == 2
    assert opened(bundle, name) == fresh and len(read) == 2


def test_another_way_to_run_is_compiled_anew(bundle: Path, read: list[str]) -> None:
    opened(bundle)
    opened(bundle, threads=2)
    opened(bundle, "openvino-bf16-16x16")
    assert len(read) == 3


def test_another_openvino_or_driver_is_compiled_anew(
    bundle: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(bundle)
    monkeypatch.setattr(openvino, "get_version", lambda: "2099.1")
    opened(bundle)
    monkeypatch.setattr(processor, "cpu_with_instructions", lambda: "another processor")
    opened(bundle)
    assert len(read) == 3


def test_twins_that_show_their_inside_are_not_kept(bundle: Path, home: Path) -> None:
    with open_runner(bundle, "openvino-fp32-16x16", threads=1, cache=True, taps=()) as run:
        assert run.info
    kept = len(list(home.iterdir()))
    runner = open_runner(bundle, "openvino-fp32-16x16", threads=1, cache=True, taps=("shallow",))
    assert runner._key() is None  # type: ignore[attr-defined]
    assert kept == 1


def test_what_is_damaged_or_refused_is_compiled_anew(bundle: Path, home: Path, read: list[str]) -> None:
    fresh = opened(bundle)
    (path,) = home.iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    assert opened(bundle) == fresh and len(read) == 2
    KeptEntries().keep("compiled", path.stem, {"blob": b"of another OpenVINO", "facts.json": b'{"quantized": 0}'})
    assert opened(bundle) == fresh and len(read) == 3
    KeptEntries().keep(
        "compiled", path.stem, {"blob": b"no blob at all", "facts.json": b'{"quantized": 0, "stored_in_int8": false}'}
    )
    assert opened(bundle) == fresh and len(read) == 4
    assert opened(bundle) == fresh and len(read) == 4


def test_a_device_that_cannot_write_what_it_compiled(bundle: Path, home: Path, read: list[str]) -> None:
    class Core:
        """Of a device without EXPORT_IMPORT."""

        def __init__(self) -> None:
            self.real = openvino.Core()

        def get_property(self, device: str, name: str) -> object:
            return ["FP32"]

        def compile_model(self, *given: object) -> object:
            return self.real.compile_model(*given)

    model = next((bundle / "openvino").glob("*fp32*.xml"))
    core = Core()
    compiling = KeptCompiling(core, "CPU", {}, KeptEntries())
    for _ in range(2):
        compiling.compiled("network", lambda: core.real.read_model(model))
    assert len(read) == 2 and not list(home.glob("*"))
