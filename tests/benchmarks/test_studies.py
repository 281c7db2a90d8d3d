"""A study's command ends with one line where it cannot go on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import benchmarks.studies

ROOM = Path(benchmarks.studies.__file__).parent
CHILDREN = {"zoo/cells.py", "peers/networks.py"}
"""Processes that a study starts: what they raise reaches the study."""


def test_every_study_is_run_so() -> None:
    commands = {path for path in ROOM.rglob("*.py") if '__name__ == "__main__"' in path.read_text(encoding="utf-8")}
    others = {
        path
        for path in commands
        if not path.read_text(encoding="utf-8").rstrip().split("\n")[-1].strip().startswith("run_study(")
    }
    assert len(commands) > 20
    assert {path.relative_to(ROOM).as_posix() for path in others} == CHILDREN


def test_a_study_of_several_commands_ends_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.studies.training.schedule", "run", str(tmp_path / "none.toml")]
    ended = subprocess.run([*command, "--folder", str(tmp_path)], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1 and "none.toml" in ended.stderr
