"""Temporary files of a verb lie in one folder, which goes with it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from dlgsanet.command_line.scratch import scratch_folder
from dlgsanet.storage import ownership


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(ownership, "_swept", set())
    return tmp_path


def test_what_libraries_leave_goes_with_the_verb(root: Path) -> None:
    with pytest.raises(KeyboardInterrupt), scratch_folder():
        left = Path(tempfile.mkdtemp())
        assert left.parent.parent == root and os.environ["TMPDIR"] == str(left.parent)
        raise KeyboardInterrupt
    assert not list(root.iterdir())
    assert os.environ["TMPDIR"] == str(root) and tempfile.gettempdir() == str(root)


def test_what_a_killed_verb_left_goes_with_the_next(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    debris = root / ownership.temporary_name()
    debris.mkdir()
    monkeypatch.setattr(ownership, "_alive", lambda process, started: False)
    with scratch_folder():
        assert not debris.exists()


def test_without_a_place_nothing_changes(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(root / "missing"))
    with scratch_folder():
        assert tempfile.tempdir == str(root / "missing") and os.environ["TMPDIR"] == str(root)
