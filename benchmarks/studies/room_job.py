"""A study's work on another room's insides, in a process of its own: this room sees artifacts as a user does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from dlgsanet.errors import BackendError


def ask(module: str, job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Run `python -m module` with a job as JSON on its input; the rows that it answers in JSON.

    Raises BackendError when it fails; what it says goes to the terminal.
    """
    done = subprocess.run(
        [sys.executable, "-m", module], input=json.dumps(job), stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise BackendError(f"the process of {module} returned {done.returncode}; what it said stands above")
    answer: list[dict[str, Any]] = json.loads(done.stdout)
    return answer
