"""A room that another distribution shadows, or has written into, is one line and no traceback."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from dlgsanet.command_line.rooms import ROOMS, require_own, require_sole_owner
from dlgsanet.errors import UnavailableError

HOME = Path(__file__).resolve().parents[3]


def run(*words: str, first: Path) -> subprocess.CompletedProcess[str]:
    """The command, with `first` where Python looks before it finds the rooms."""
    path = f"import sys; sys.path[:0] = [{str(first)!r}, {str(HOME)!r}]"
    code = f"{path}; from dlgsanet.__main__ import main; sys.exit(main())"
    return subprocess.run([sys.executable, "-c", code, *words], cwd=first, capture_output=True, text=True, check=False)


def package(folder: Path, name: str) -> Path:
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text("answer = 42\n", encoding="utf-8")
    return folder


def test_ours_stand_together() -> None:
    require_own()


def test_the_check_is_cheap() -> None:
    start = time.monotonic()
    for _ in range(10):
        require_own()
    assert time.monotonic() - start < 0.5  # of a command's start of under half a second


@pytest.mark.parametrize("room", ROOMS[1:])
def test_a_room_of_another_distribution_is_one_line(tmp_path: Path, room: str) -> None:
    done = run("formats", first=package(tmp_path, room))
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert f"expected the package {room} in {HOME}, found {tmp_path / room / '__init__.py'}: another" in done.stderr


def test_a_folder_of_that_name_without_a_package_is_no_clash(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    assert run("formats", "--json", first=tmp_path).returncode == 0


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(UnavailableError, match=r"expected the package no_such_room in .*, found none"):
        require_own(["no_such_room"])


def test_a_folder_that_two_distributions_wrote_into_names_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("dlgsanet_edge", "other_thing"):
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n", encoding="utf-8")
        (folder / "top_level.txt").write_text("shared_room\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnavailableError, match="from one distribution, found dlgsanet_edge, other_thing: another"):
        require_sole_owner("shared_room")
    require_sole_owner("pytest")
