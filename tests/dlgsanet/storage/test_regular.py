"""Whatever stands in a file's place is said, and nothing waits for it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from dlgsanet.storage.regular import open_regular, read_regular


def test_a_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1234")
    assert read_regular(tmp_path / "a", 4) == b"1234"
    with pytest.raises(OSError, match="larger than 0 MiB"):
        read_regular(tmp_path / "a", 3)


def test_a_file_beyond_its_bound_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(64 << 30)
    with pytest.raises(OSError, match="larger than 1024 MiB"):
        read_regular(tmp_path / "sparse", 1 << 30)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX")
def test_what_is_no_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    places = {tmp_path: "a folder", tmp_path / "pipe": "a pipe", Path("/dev/zero"): "a device"}
    for place, kind in places.items():
        with pytest.raises(OSError, match=f"it is {kind}, not a file"):
            open_regular(place)
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        with pytest.raises(OSError, match=r"socket|No such device"):
            open_regular("socket")


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="a name that no file can have"):
        open_regular("a\0b")
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "none")
