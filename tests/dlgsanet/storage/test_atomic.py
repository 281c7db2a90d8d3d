from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from dlgsanet.errors import InputError
from dlgsanet.storage import atomic, ownership


def listing(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def fill(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "file").write_text("new")


def test_write_creates_parents_and_replaces(tmp_path):
    target = tmp_path / "a" / "b.txt"
    atomic.write_text(target, "één")
    assert target.read_bytes() == "één".encode()
    atomic.write_bytes(target, b"two")
    assert target.read_bytes() == b"two"
    assert listing(tmp_path) == ["a", "a/b.txt"]


def test_new_file_keeps_the_suffix_and_the_old_content_until_the_end(tmp_path):
    target = tmp_path / "x.npy"
    target.write_text("old")
    with atomic.new_file(target) as temporary:
        assert temporary.suffix == ".npy"
        assert temporary.parent == tmp_path
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_a_stop_leaves_the_old_file_and_no_debris(tmp_path, stop):
    target = tmp_path / "x.txt"
    target.write_text("old")
    with pytest.raises(stop), atomic.new_file(target) as temporary:
        temporary.write_text("half")
        raise stop
    assert listing(tmp_path) == ["x.txt"]
    assert target.read_text() == "old"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_a_stop_leaves_no_debris_of_a_folder_or_of_its_parents(tmp_path, stop):
    with pytest.raises(stop), atomic.new_directory(tmp_path / "a" / "b" / "bundle") as temporary:
        fill(temporary)
        raise stop
    assert listing(tmp_path) == []


def test_new_directory_appears_whole(tmp_path):
    target = tmp_path / "bundle"
    with atomic.new_directory(target) as temporary:
        fill(temporary)
        assert not target.exists()
    assert listing(tmp_path) == ["bundle", "bundle/sub", "bundle/sub/file"]


def test_an_existing_folder_is_refused_before_any_work(tmp_path):
    target = tmp_path / "bundle"
    target.mkdir()
    with pytest.raises(InputError, match="--force"), atomic.new_directory(target):
        pytest.fail("the block must not run")


def test_force_swaps_only_after_success(tmp_path):
    target = tmp_path / "bundle"
    target.mkdir()
    (target / "old").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic.new_directory(target, force=True) as temporary:
        fill(temporary)
        raise KeyboardInterrupt
    assert listing(tmp_path) == ["bundle", "bundle/old"]
    with atomic.new_directory(target, force=True) as temporary:
        fill(temporary)
        assert (target / "old").exists()
    assert listing(tmp_path) == ["bundle", "bundle/sub", "bundle/sub/file"]


def test_a_failing_swap_brings_the_old_folder_back(tmp_path, monkeypatch):
    target = tmp_path / "bundle"
    target.mkdir()
    (target / "old").write_text("old")
    rename = Path.rename

    def fail_on_the_new(self, destination):
        if (self / "sub").exists():
            raise KeyboardInterrupt
        return rename(self, destination)

    monkeypatch.setattr(atomic, "exchange", lambda new, old: False)  # as where the system has no such step
    monkeypatch.setattr(Path, "rename", fail_on_the_new)
    with pytest.raises(KeyboardInterrupt), atomic.new_directory(target, force=True) as temporary:
        fill(temporary)
    assert listing(tmp_path) == ["bundle", "bundle/old"]


def test_force_does_not_delete_a_folder_that_is_not_ours(tmp_path):
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    (photographs / "wedding.jpg").write_text("x")

    def require_ours(folder):
        if (folder / "wedding.jpg").exists():
            raise InputError("there is a wedding in it")

    with pytest.raises(InputError, match="wedding"), atomic.new_directory(photographs, True, require_ours):
        pytest.fail("the block must not run")
    (photographs / "wedding.jpg").rename(photographs / "manifest.json")
    with atomic.new_directory(photographs, True, require_ours) as temporary:
        fill(temporary)
    assert listing(tmp_path) == ["photographs", "photographs/sub", "photographs/sub/file"]


@pytest.mark.parametrize("force", [False, True])
def test_a_file_or_link_in_the_place_of_a_folder_is_refused(tmp_path, force):
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link"):
        with (
            pytest.raises(InputError, match="file or link"),
            atomic.new_directory(tmp_path / name, force=force),
        ):
            pytest.fail("the block must not run")
    assert listing(tmp_path) == ["file", "link"]


def test_a_target_that_appears_meanwhile_is_not_overwritten(tmp_path):
    target = tmp_path / "bundle"
    with pytest.raises(InputError, match="exists already"), atomic.new_directory(target):
        target.mkdir()
    assert listing(tmp_path) == ["bundle"]


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="found a folder"):
        atomic.write_text(tmp_path, "x")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_or_device_in_the_place_of_a_file_is_kept(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="found a device or pipe"):
        atomic.write_text(pipe, "x")
    assert pipe.is_fifo() and listing(tmp_path) == ["pipe"]


def test_a_folder_is_proved_writable_and_left_as_it_was(tmp_path):
    atomic.require_writable_folder(tmp_path / "new" / "deep")
    assert listing(tmp_path) == []
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="found the file"):
        atomic.require_writable_folder(tmp_path / "file" / "deep")


def test_a_file_in_the_place_of_a_parent_folder_is_one_line(tmp_path):
    (tmp_path / "file").write_text("x")
    for attempt in (
        atomic.new_directory(tmp_path / "file" / "bundle"),
        atomic.new_file(tmp_path / "file" / "x"),
    ):
        with pytest.raises(InputError, match="cannot write"), attempt:
            pytest.fail("the block must not run")
    assert listing(tmp_path) == ["file"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line_and_leaves_no_debris(tmp_path):
    with (
        pytest.raises(InputError, match="No space left on device; choose"),
        atomic.new_directory(tmp_path / "bundle") as temporary,
    ):
        fill(temporary)
        Path("/dev/full").write_text("x" * 100_000)
    assert listing(tmp_path) == []


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, monkeypatch, number):
    def refuse(self, *_args, **_options):
        raise OSError(number, os.strerror(number), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(InputError, match=os.strerror(number)), atomic.new_directory(tmp_path / "bundle"):
        pytest.fail("the block must not run")
    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(InputError, match=os.strerror(number)):
        atomic.write_text(tmp_path / "x.txt", "x")
    assert listing(tmp_path) == []


def test_an_error_about_another_file_keeps_its_own_words(tmp_path):
    with pytest.raises(FileNotFoundError, match="elsewhere"), atomic.new_directory(tmp_path / "bundle"):
        Path(tmp_path / "elsewhere").read_text()
    assert listing(tmp_path) == []


def test_sha256_file(tmp_path):
    data = os.urandom(3_000_000)
    (tmp_path / "x").write_bytes(data)
    assert atomic.sha256_file(tmp_path / "x") == hashlib.sha256(data).hexdigest()
    with pytest.raises(InputError, match="cannot read"):
        atomic.sha256_file(tmp_path / "missing")
    with pytest.raises(InputError, match="cannot read"):
        atomic.sha256_file(tmp_path)


@pytest.mark.parametrize("one_step", [True, False])
def test_force_puts_the_new_in_the_place_of_the_old(tmp_path, monkeypatch, one_step):
    if not one_step:
        monkeypatch.setattr(atomic, "exchange", lambda new, old: False)
    target = tmp_path / "bundle"
    for content in ("first", "second"):
        with atomic.new_directory(target, force=True) as temporary:
            (temporary / content).write_text("x")
    assert listing(tmp_path) == ["bundle", "bundle/second"]


def test_what_a_killed_replacement_moved_away_comes_back(tmp_path, monkeypatch):
    """Between the two steps that a system without the one needs."""
    target = tmp_path / "bundle"
    target.mkdir()
    (target / "old").write_text("old")
    monkeypatch.setattr(ownership, "_alive", lambda process, started: False)
    target.rename(tmp_path / ownership.name_of_old("bundle"))
    (tmp_path / ownership.temporary_name()).mkdir()
    with atomic.new_file(tmp_path / "another") as another:
        another.write_text("")  # whoever else writes there takes away only what is no one's only copy
    (tmp_path / "another").unlink()
    assert len(listing(tmp_path)) == 2 and (tmp_path / listing(tmp_path)[0] / "old").is_file()
    with pytest.raises(InputError, match="exists already"), atomic.new_directory(target):
        pytest.fail("the block must not run")
    assert listing(tmp_path) == ["bundle", "bundle/old"]
