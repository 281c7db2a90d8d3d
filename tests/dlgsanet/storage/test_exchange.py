"""One step: whoever looks finds the one or the other."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from dlgsanet.storage.exchange import exchange


def folders(place: Path) -> tuple[Path, Path]:
    made = place / "one", place / "other"
    for folder in made:
        folder.mkdir()
        (folder / folder.name).touch()
    return made


@pytest.mark.skipif(not sys.platform.startswith(("linux", "darwin")), reason="no such step")
def test_at_no_moment_is_a_name_free(tmp_path: Path) -> None:
    one, other = folders(tmp_path)
    if not exchange(one, other):
        pytest.skip("this file system has no such step")
    assert (one / "other").exists() and (other / "one").exists()
    over, missed = threading.Event(), []

    def look() -> None:
        while not over.is_set():
            if not one.exists():
                missed.append(1)

    looking = threading.Thread(target=look)
    looking.start()
    for _ in range(2000):
        assert exchange(one, other)
    over.set()
    looking.join()
    assert not missed


def test_where_it_cannot_be_done_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = folders(tmp_path)
    assert not exchange(one, tmp_path / "missing")
    monkeypatch.setattr(sys, "platform", "another")
    assert not exchange(one, other)
    assert (one / "one").exists() and (other / "other").exists()
