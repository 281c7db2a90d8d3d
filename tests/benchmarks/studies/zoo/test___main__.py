"""What a study lacks, or cannot use, is one line."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

import benchmarks.studies
from benchmarks.studies import run_study
from benchmarks.studies.zoo import __main__ as zoo
from dlgsanet.errors import UnavailableError

ROOM = Path(benchmarks.studies.__file__).parent
CHILDREN = {"zoo/cells.py", "peers/networks.py"}
"""Processes that a study starts: what they raise reaches the study."""


def run(monkeypatch: pytest.MonkeyPatch, file: Path) -> int:
    monkeypatch.setattr("sys.argv", ["zoo", str(file)])
    with pytest.raises(SystemExit) as ended:
        run_study(zoo.main)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_missing_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(zoo, "version", none)
    assert run(monkeypatch, tmp_path / "zoo.json") == 3
    assert capsys.readouterr().err == "the study needs the package torch, found none: install it\n"


def test_an_error_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "zoo.json").write_text("{")
    assert run(monkeypatch, tmp_path / "zoo.json") == 2
    assert len(capsys.readouterr().err.splitlines()) == 1

    def fails(package: str) -> str:
        raise UnavailableError("no device here")

    monkeypatch.setattr(zoo, "version", fails)
    assert run(monkeypatch, tmp_path / "none.json") == 3


def test_every_study_is_run_so() -> None:
    commands = {path for path in ROOM.rglob("*.py") if '__name__ == "__main__"' in path.read_text(encoding="utf-8")}
    others = {
        path
        for path in commands
        if not path.read_text(encoding="utf-8").rstrip().split("\n")[-1].strip().startswith("run_study(")
    }
    assert len(commands) > 20
    assert {path.relative_to(ROOM).as_posix() for path in others} == CHILDREN


def test_a_study_of_several_commands_ends_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.studies.training.schedule", "run", str(tmp_path / "none.toml")]
    ended = subprocess.run([*command, "--folder", str(tmp_path)], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1 and "none.toml" in ended.stderr
