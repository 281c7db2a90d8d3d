"""Every backend has one entry; what it points to is there, and imports nothing before it is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dlgsanet.errors import UnavailableError
from runtimes.backends import registry
from runtimes.backends.interface.backend import Backend
from runtimes.backends.registry import BUILT_IN, backend_runner, find_backend, import_engine
from runtimes.runner.contract import Runner, RunOptions


def test_entries_import_no_engine_and_no_runner() -> None:
    code = (
        "import sys, runtimes.backends.registry\n"
        "late = ('runner', 'probe', 'layers', 'reference', 'build', 'executor', 'devices')\n"
        "print(*(n for n in sys.modules if n.startswith('runtimes.backends.') and n.rpartition('.')[2] in late))\n"
        "print(*(n for n in ('onnxruntime', 'openvino', 'torch', 'coremltools', 'tensorrt') if n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n\n"


@pytest.mark.parametrize("name", [name for name, entry in BUILT_IN.items() if entry.runner is not None])
def test_every_entry_has_its_runner(name: str, kit, tmp_path: Path) -> None:
    artifact = kit.artifact(name, "fp32", kit.tile, "a.onnx", {"a.onnx": "0" * 64})
    for device in ("CPU", *BUILT_IN[name].interpreters):
        runner = backend_runner(tmp_path, artifact, 2, RunOptions(device))
        assert isinstance(runner, Runner)
        assert runner.tile == kit.tile


def test_engines_are_imported_by_the_name_of_their_backend() -> None:
    pytest.importorskip("onnxruntime")
    assert import_engine("onnxruntime").__name__ == "onnxruntime"


def test_a_backend_that_is_not_there_is_one_line(kit, tmp_path: Path) -> None:
    artifact = kit.artifact("nothing", "fp32", kit.tile, "a.onnx", {"a.onnx": "0" * 64})
    with pytest.raises(UnavailableError, match="nothing-fp32-16x16': this version has no backend 'nothing'; it has"):
        backend_runner(tmp_path, artifact, 2, RunOptions())
    torch = kit.artifact("torch", "fp32", kit.tile, "a.pt", {"a.pt": "0" * 64})
    with pytest.raises(UnavailableError, match="backend 'torch' runs no artifacts"):
        backend_runner(tmp_path, torch, 2, RunOptions())
    assert registry.judges(artifact, "CPU") == ()


def test_a_broken_package_of_others_is_said_when_its_artifact_is_opened(kit, tmp_path: Path, monkeypatch) -> None:
    broken = UnavailableError("backend 'plug' of package 'plug' cannot be used: no libplug")
    monkeypatch.setattr(registry, "_others", lambda: {"plug": broken})
    artifact = kit.artifact("plug", "fp32", kit.tile, "a.bin", {"a.bin": "0" * 64})
    with pytest.raises(UnavailableError, match="artifact 'plug-fp32-16x16': backend 'plug' of package 'plug' cannot"):
        backend_runner(tmp_path, artifact, 2, RunOptions())
    assert isinstance(find_backend("openvino"), Backend)
    assert registry.interpreters() == ("coreml-reference", "tensorrt-reference", "tensorrt-reference-fp16-scales")
