"""Compiling once, for this processor, with one line when it cannot be done."""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlgsanet.errors import UnavailableError
from dlgsanet.kernels.compiled.library import compiler, load_library
from tests.project.repository import ROOT


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    load_library.cache_clear()
    yield tmp_path / "dlgsanet" / "operators"
    load_library.cache_clear()


def test_is_compiled_once_and_kept(empty_cache: Path) -> None:
    load_library("gated_conv.c")
    (made,) = empty_cache.iterdir()
    stamp = made.stat().st_ino
    load_library.cache_clear()
    load_library("gated_conv.c")
    assert [path.stat().st_ino for path in empty_cache.iterdir()] == [stamp]


def test_constants_make_another_library(empty_cache: Path) -> None:
    load_library("dynamic_conv.c", ("K", 3), ("M", 2), ("R", 2))
    load_library("dynamic_conv.c", ("K", 3), ("M", 2), ("R", 3))
    assert len(list(empty_cache.iterdir())) == 2


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    assert compiler() is None
    with pytest.raises(UnavailableError, match=r"expected a C compiler .* found none: install one"):
        load_library("gated_conv.c")


def test_a_compiler_that_fails_is_quoted(tmp_path: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken-cc"
    broken.write_text("#!/bin/sh\necho 'no space left for objects' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    with pytest.raises(UnavailableError, match="broken-cc failed: no space left for objects"):
        load_library("gated_conv.c")
    assert not empty_cache.exists() or not list(empty_cache.iterdir())


def test_without_a_home_it_is_compiled_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert load_library("gated_conv.c")
    assert [it.name for it in tmp_path.iterdir()] == ["file"]


def test_a_place_that_forbids_loading_is_one_line(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise OSError(f"{path}: failed to map segment from shared object")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    with pytest.raises(UnavailableError, match=r"cannot be loaded: .*; set XDG_CACHE_HOME and TMPDIR"):
        load_library("gated_conv.c")


@pytest.mark.skipif(sys.platform == "win32", reason="no such rights there")
def test_what_others_may_write_is_not_run(empty_cache: Path) -> None:
    load_library("gated_conv.c")
    (made,) = empty_cache.iterdir()
    made.unlink()
    empty_cache.chmod(0o777)
    load_library.cache_clear()
    assert load_library("gated_conv.c")
    assert not list(empty_cache.iterdir())  # neither looked at nor added to


def test_a_damaged_library_is_made_again(empty_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_library("gated_conv.c")
    (made,) = empty_cache.iterdir()
    other = tmp_path / "other" / "dlgsanet" / "operators" / made.name  # not the file mapped into this process
    other.parent.mkdir(parents=True, mode=0o700)
    other.write_bytes(made.read_bytes()[:-1] + b"x")  # it could still be loaded
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    load_library.cache_clear()
    load_library("gated_conv.c")
    (again,) = other.parent.iterdir()
    assert hashlib.sha256(again.read_bytes()).hexdigest().startswith(again.stem.rpartition("-")[2])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone kills with a parent")
def test_a_compiler_dies_with_who_was_killed(tmp_path: Path) -> None:
    slow = tmp_path / "slow-cc"
    slow.write_text(
        f"#!/bin/sh\necho $$ > {tmp_path}/number.part\nmv {tmp_path}/number.part {tmp_path}/number\nexec sleep 60\n"
    )
    slow.chmod(0o755)
    code = "from dlgsanet.kernels.compiled.library import load_library\nload_library('gated_conv.c')"
    parent = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "CC": str(slow)}, cwd=ROOT)
    while not (tmp_path / "number").exists():
        assert parent.poll() is None
        time.sleep(0.05)
    compiling = Path("/proc", (tmp_path / "number").read_text().strip(), "stat")
    assert "sleep" in compiling.read_text() or "slow-cc" in compiling.read_text()
    parent.kill()
    parent.wait()
    for _ in range(100):
        if not compiling.exists() or compiling.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    pytest.fail("the compiler lives on")
