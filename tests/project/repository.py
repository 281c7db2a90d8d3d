"""The repository as its own tests see it: its files, and what pyproject.toml says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("dlgsanet", "export", "runtimes", "benchmarks")


def files() -> tuple[str, ...]:
    """The files that a commit of everything would hold, as paths below ROOT."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True)
    return tuple(sorted({name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()}))


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def extras() -> dict[str, list[str]]:
    return pyproject()["project"]["optional-dependencies"]
