"""Kept results: whole, checked, bounded, for this user alone, and never an error."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlgsanet.storage.cache_folder import OFF, clear, lying, own_folder
from dlgsanet.storage.shelf import KeptEntries, key_of
from tests.project.repository import ROOT

FILES = {"a.bin": bytes(range(256)), "folder/b.txt": b"", "c": b"\n\n{}"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(OFF, raising=False)
    yield tmp_path / "dlgsanet"


def entries(home: Path) -> list[str]:
    return sorted(path.stem for path in home.rglob("*.kept"))


def test_comes_back_as_it_was(home: Path) -> None:
    shelf = KeptEntries()
    assert shelf.recall("graphs", "key") is None
    shelf.keep("graphs", "key", FILES)
    assert shelf.recall("graphs", "key") == FILES
    assert shelf.recall("births", "key") is None and shelf.recall("graphs", "other") is None
    assert (home / "graphs").stat().st_mode & 0o777 == 0o700 or sys.platform == "win32"


def test_is_made_once(home: Path) -> None:
    made = [FILES, {}]
    assert [KeptEntries().once("graphs", "key", lambda: made.pop(0)) for _ in range(3)] == [FILES] * 3
    assert made == [{}]


@pytest.mark.parametrize("place", [0, 63, 64, 65, 90, -300, -1])
def test_one_wrong_bit_is_noticed_and_removed(home: Path, place: int) -> None:
    KeptEntries().keep("graphs", "key", FILES)
    (path,) = home.rglob("*.kept")
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    assert KeptEntries().recall("graphs", "key") is None and entries(home) == []


@pytest.mark.parametrize("length", [0, 1, 64, 65, 100, -1])
def test_a_torn_file_is_noticed_and_removed(home: Path, length: int) -> None:
    KeptEntries().keep("graphs", "key", FILES)
    (path,) = home.rglob("*.kept")
    path.write_bytes(path.read_bytes()[:length])
    assert KeptEntries().recall("graphs", "key") is None and entries(home) == []


def test_another_entry_under_this_name_is_not_taken(home: Path) -> None:
    KeptEntries().keep("graphs", "one", FILES)
    (home / "graphs" / "one.kept").rename(home / "graphs" / "two.kept")
    assert KeptEntries().recall("graphs", "two") is None and entries(home) == []


def test_what_was_not_used_for_longest_goes_first(home: Path) -> None:
    shelf = KeptEntries(limit=4400)
    for age, (kind, key) in enumerate([("births", "d"), ("graphs", "c"), ("births", "b"), ("graphs", "a")]):
        shelf.keep(kind, key, {"": bytes(900)})
        os.utime(home / kind / f"{key}.kept", (1e9 - age, 1e9 - age))
    assert shelf.recall("graphs", "a")  # the oldest, used now
    shelf.keep("graphs", "e", {"": bytes(900)})
    assert entries(home) == ["a", "c", "d", "e"]


def test_what_is_too_large_is_not_kept(home: Path) -> None:
    KeptEntries(limit=4000).keep("graphs", "large", {"": bytes(900)})
    assert entries(home) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no such rights there")
@pytest.mark.parametrize("rights", [0o777, 0o770, 0o702])
def test_a_folder_that_others_may_write_to_is_not_used(home: Path, rights: int) -> None:
    KeptEntries().keep("graphs", "key", FILES)
    (home / "graphs").chmod(rights)
    assert own_folder("graphs") is None and KeptEntries().recall("graphs", "key") is None
    KeptEntries().keep("graphs", "new", FILES)
    assert entries(home) == ["key"]


@pytest.mark.skipif(sys.platform == "win32", reason="no such rights there")
def test_somebody_elses_folder_is_not_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    KeptEntries().keep("graphs", "key", FILES)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert KeptEntries().recall("graphs", "key") is None


def test_a_link_in_the_place_of_a_folder_is_not_followed(home: Path, tmp_path: Path) -> None:
    KeptEntries().keep("graphs", "key", FILES)
    (home / "graphs").rename(tmp_path / "elsewhere")
    (home / "graphs").symlink_to(tmp_path / "elsewhere")
    assert KeptEntries().recall("graphs", "key") is None


def test_a_home_that_cannot_be_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "file", Path("/proc/nothing")):
        monkeypatch.setenv("XDG_CACHE_HOME", str(home))
        KeptEntries().keep("graphs", "key", FILES)
        assert KeptEntries().recall("graphs", "key") is None
        assert {it.entries for it in lying()} == {0} and clear("graphs") == 0


def test_off_keeps_and_finds_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    KeptEntries(on=False).keep("graphs", "key", FILES)
    assert not home.exists()
    KeptEntries().keep("graphs", "key", FILES)
    assert KeptEntries(on=False).recall("graphs", "key") is None
    monkeypatch.setenv(OFF, "1")
    assert KeptEntries().recall("graphs", "key") is None


def test_two_processes_at_once_see_whole_entries(home: Path) -> None:
    code = (
        "import sys; from dlgsanet.storage.shelf import KeptEntries; shelf = KeptEntries(limit=400_000)\n"
        "for turn in range(150):\n"
        "    key = str(turn % 5); found = shelf.recall('graphs', key)\n"
        "    assert found is None or found == {'x': key.encode() * 50_000}, found\n"
        "    shelf.keep('graphs', key, {'x': key.encode() * 50_000})\n"
        "    (turn % 7 == 0) and shelf.keep('births', str(turn), {'y': bytes(90_000)})\n"
    )
    several = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) for _ in range(3)]
    assert [process.wait() for process in several] == [0, 0, 0]
    assert sum(path.stat().st_size for path in home.rglob("*.kept")) <= 400_000
    assert not [path for path in home.rglob("*") if path.is_file() and path.suffix != ".kept"]


def test_what_lies_there_is_told_and_cleared(home: Path) -> None:
    KeptEntries().keep("graphs", "one", {"": bytes(100)})
    KeptEntries().keep("graphs", "two", {"": bytes(200)})
    (home / "searches" / "int8-1").mkdir(parents=True)
    (home / "searches" / "int8-1" / "losses.jsonl").write_text("{}")
    (home / "graphs" / "mine.txt").write_text("not of the cache")
    found = {it.kind: it for it in lying()}
    assert found["graphs"].entries == 2 and found["graphs"].bytes > 300 and found["searches"].bytes == 2
    assert found["graphs"].oldest and found["graphs"].newest and found["births"].oldest is None
    assert clear("searches") == 2 and not list((home / "searches").iterdir())
    assert clear("graphs") == found["graphs"].bytes
    assert [it.name for it in (home / "graphs").iterdir()] == ["mine.txt"]


def test_keys_tell_apart_what_joins_alike() -> None:
    assert len({key_of("ab", "c"), key_of("a", "bc"), key_of("abc"), key_of("c", "ab")}) == 4
    assert key_of("a", b"b") == key_of(b"a", "b")
