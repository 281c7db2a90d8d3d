"""What the verbs of this room print."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dlgsanet.__main__ import main
from dlgsanet.imaging.files import write_picture


@pytest.fixture
def words(bundle: Path, tmp_path: Path) -> list[str]:
    pytest.importorskip("onnxruntime")
    write_picture(tmp_path / "photo.png", np.random.default_rng(0).random((20, 26, 3)))
    fixed = ["--bundle", str(bundle), "--overlap", "4", "--threads", "1", "--artifact", "onnxruntime-fp32"]
    return ["upscale", str(tmp_path / "photo.png"), "-o", str(tmp_path / "out"), *fixed]


def test_what_was_upscaled_as_json(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    picture = facts["pictures"][0]
    assert facts["artifact"].startswith("onnxruntime-fp32") and facts["precision"] == "fp32" and facts["seconds"] > 0
    assert picture["target"] == str(tmp_path / "out" / "photo_x2.png")
    assert (picture["height"], picture["width"]) == (20, 26)


def test_verbose_names_every_step(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "-v"]) == 0
    said = capsys.readouterr().err
    assert "0:00:00  checking photo.png" in said and "  photo.png" in said


def test_quiet_says_nothing(words: list[str], bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del words[words.index("--artifact") :]
    assert main([*words, "-q"]) == 0
    assert capsys.readouterr().err == ""  # not even which artifact was chosen


def test_nothing_built_is_an_empty_list(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", str(bundle), "--json"]) == 3
    assert json.loads(capsys.readouterr().out) == []


def test_what_cannot_be_built_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
