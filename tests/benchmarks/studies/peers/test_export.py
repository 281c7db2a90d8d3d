from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.studies.peers import export
from dlgsanet.errors import BackendError, InputError


def test_an_environment_that_is_none_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give --python"):
        export._run([str(tmp_path / "python")], "the peers' environment")
    with pytest.raises(BackendError, match="failed"):
        export._run([sys.executable, "-c", "raise SystemExit(3)"], "the peers' environment")


def test_an_unknown_rival_and_a_missing_clone_are_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="rival"):
        export.main("nano-x4", tmp_path / "p", sys.executable, ["nobody"])
    command = [sys.executable, str(export.SCRIPT), "span", str(tmp_path / "s.onnx"), "8", "8"]
    with pytest.raises(BackendError):
        export._run(command, "the peers' environment")
    assert "expected --ntire, a clone of" in capfd.readouterr().err
    assert not (tmp_path / "s.onnx").exists()
