"""What a killed process left is found by its name, and what a living one writes is left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dlgsanet.storage import ownership
from dlgsanet.storage.atomic import new_directory, new_file
from tests.project.repository import ROOT

HOLD = """
import sys
from pathlib import Path
from dlgsanet.storage.atomic import new_directory, new_file
place = Path(sys.argv[1])
with new_directory(place / "bundle") as folder, new_file(place / "file.npy") as file:
    (folder / "half").write_text("x")
    file.write_text("half")
    print("holding", flush=True)
    sys.stdin.read()
"""
pytestmark = pytest.mark.skipif(os.name != "posix", reason="whether a process runs is not asked there")


def holding(place: Path) -> subprocess.Popen[str]:
    """A process in the middle of writing two things."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None and process.stdout.readline() == "holding\n"
    return process


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "_swept", set())


@pytest.mark.parametrize("reaped", [True, False])
def test_debris_of_a_killed_process_goes_and_the_living_stay(tmp_path: Path, reaped: bool) -> None:
    dead, living = holding(tmp_path), holding(tmp_path)
    left = {path.name for path in tmp_path.iterdir() if f"-{dead.pid}-" in path.name}
    foreign = tmp_path / ".tmp-00000000-1-1-00000000"  # of another machine or container
    foreign.touch()
    unlike = tmp_path / ".tmp-0123456789ab"
    unlike.touch()
    dead.kill()
    if reaped:
        dead.wait()
    else:
        os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
    with new_file(tmp_path / "picture.png") as file:
        file.touch()
    names = {path.name for path in tmp_path.iterdir()}
    assert len(left) == 2 and not names & left
    assert len([name for name in names if f"-{living.pid}-" in name]) == 2 and foreign.exists() and unlike.exists()
    living.communicate("")
    assert {path.name for path in tmp_path.iterdir()} == {
        "picture.png",
        "bundle",
        "file.npy",
        foreign.name,
        unlike.name,
    }
    dead.wait()


def test_the_next_run_of_the_same_target_is_enough(tmp_path: Path) -> None:
    dead = holding(tmp_path)
    dead.kill()
    dead.wait()
    with new_directory(tmp_path / "bundle") as folder:
        (folder / "whole").touch()
    assert {path.name for path in tmp_path.iterdir()} == {"bundle"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="when a process started is told by Linux")
def test_another_process_of_the_same_number_is_not_the_owner() -> None:
    own = ownership.temporary_name(".npy")
    assert not ownership.is_debris(own)
    place, process, started, random = own.removesuffix(".npy").removeprefix(".tmp-").split("-")
    assert ownership.is_debris(f".tmp-{place}-{process}-{int(started) - 1}-{random}.npy")
    assert not ownership.is_debris(f".tmp-{place[::-1]}-{process}-{int(started) - 1}-{random}.npy")


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "picture").touch()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "kept")
    ownership.remove(link)
    assert not link.is_symlink() and (tmp_path / "kept" / "picture").exists()
