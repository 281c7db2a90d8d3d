"""What a study lacks is one line."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from benchmarks.studies import run_study
from benchmarks.studies.zoo import __main__ as zoo
from dlgsanet.errors import UnavailableError


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
