from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import pytest

from dlgsanet.errors import InputError
from runtimes.upscale.fleet.store import Store, StoredFile, as_url

fsspec = pytest.importorskip("fsspec")


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store") if request.param == "folder" else f"memory://{uuid.uuid4().hex}/store")


def test_paths_and_urls(tmp_path: Path) -> None:
    assert as_url(Path("s3://bucket/a b/c")) == "s3://bucket/a b/c"
    assert as_url(Path("gs://bucket")) == "gs://bucket"
    assert as_url(tmp_path) == str(tmp_path) and as_url(Path("a")).startswith("/")


def test_what_is_put_is_there(store: Store, tmp_path: Path) -> None:
    assert store.files() == [] and not store.has("a/b.png")
    made = tmp_path / "made"
    made.write_bytes(b"123")
    store.put(made, "a/b.png")
    store.put(made, "c.png")
    assert store.files() == [StoredFile("a/b.png", 3), StoredFile("c.png", 3)] and store.has("a/b.png")
    made.write_bytes(b"other")
    store.put(made, "c.png")
    store.fetch("c.png", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"other"


def test_a_file_is_a_store_of_itself(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(b"12")
    assert Store(str(tmp_path / "one.png")).files() == [StoredFile("", 2)]


def test_hidden_and_unfinished_files_are_none(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "made"
    made.write_bytes(b"1")
    store.put(made, ".hidden/a.png")
    store.put(made, "._a.png")

    def stop(*given: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("runtimes.upscale.fleet.store._rename", stop)
    with pytest.raises(KeyboardInterrupt):
        store.put(made, "a.png")
    assert store.files() == [] and not store.has("a.png")
    with store._opened() as (fs, root):
        assert not [path for path in fs.find(root) if "part" in path]


def test_what_killed_actors_left_can_be_cleared(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("mine-1", "other-1", "old-1"):
        (tmp_path / "sub" / f".dlgsanet-part-{name}.png").write_bytes(b"1")
    (tmp_path / "a.png").write_bytes(b"1")
    for name in ("sub/.dlgsanet-part-old-1.png", "a.png"):
        os.utime(tmp_path / name, (0, 0))
    assert Store(str(tmp_path), "mine").clear_parts() == 2
    kept = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert kept == {"a.png", ".dlgsanet-part-other-1.png"}


@pytest.mark.parametrize("url", ["nonsense://a/b", "s4://bucket"])
def test_a_place_that_there_is_not(url: str) -> None:
    with pytest.raises(InputError, match=url):
        Store(url).files()


def test_a_file_that_is_gone(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="correct the place"):
        store.fetch("gone.png", tmp_path / "x")


def test_segments_of_a_film_that_is_there_go_and_those_of_others_stay(tmp_path: Path) -> None:
    store = Store(str(tmp_path), "job")
    (tmp_path / "x").write_bytes(b"x")
    for name in ("sub/a.mkv", "sub/.a.mkv.parts/k/000000.segment", "sub/.b.mkv.parts/k/000000.segment"):
        store.put(tmp_path / "x", name)
    assert store.names("sub/.a.mkv.parts/k") == {"000000.segment"} and store.names("none") == set()
    assert store.clear_parts() == 1
    assert not (tmp_path / "sub" / ".a.mkv.parts").exists() and (tmp_path / "sub" / "a.mkv").exists()
    assert store.names("sub/.b.mkv.parts") == {"000000.segment"}
    store.remove("sub/.b.mkv.parts")
    store.remove("sub/.b.mkv.parts")
    assert store.names("sub/.b.mkv.parts") == set()
