"""Converters and quantizers in processes of their own: their crash becomes one line, not the end of ours.

`run_job` asks one, `do_job` is what it answers with.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dlgsanet.errors import BackendError, ExitCode, InputError

HOME = Path(__file__).resolve().parents[2]  # the folder that holds our packages, wherever we run


def run_job(module: str, job: Mapping[str, Any], what: str, result: Path) -> None:
    """Run `python -m module` with the job as JSON on its standard input; it must write `result`.

    Raises InputError as it did, and BackendError, with the last line that it said, when it fails or crashes.
    """
    path = os.pathsep.join(filter(None, (str(HOME), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-m", module],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    if done.returncode == ExitCode.USAGE:
        raise InputError(_reason(done))
    if done.returncode != 0 or not result.is_file():
        raise BackendError(f"{what}: {_reason(done)}; please report this")


def do_job(work: Callable[[dict[str, Any]], None]) -> None:
    """In the process of a job: `work` takes it from the standard input. An InputError is told to who asked."""
    try:
        work(json.load(sys.stdin))
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode < 0:
        return f"its process was ended by signal {-done.returncode}"
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"its process returned {done.returncode}"
