"""Converters and quantizers in processes of their own: their crash becomes one line, not the end of ours.

`run_job` asks one, `do_job` is what it answers with; how they talk is in `runtimes.machine.child`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dlgsanet.errors import BackendError
from runtimes.machine.child import Job, ask, serve


def run_job(module: str, job: Mapping[str, Any], what: str, result: Path) -> None:
    """Run `python -m module` with the job; it must write `result`.

    Raises the error that it raised, and BackendError, with the last line that it said, when it fails or crashes.
    """
    try:
        ask(Job(module, dict(job), what))
    except BackendError as error:
        raise BackendError(f"{error}; please report this") from error
    if not result.is_file():
        raise BackendError(f"{what}: '{result.name}' was not written; please report this")


def do_job(work: Callable[[dict[str, Any]], None]) -> None:
    """In the process of a job: `work` does it. An error that is explained to the user is told to who asked."""

    def done(job: object, say: Callable[[str], None]) -> None:
        assert isinstance(job, dict)
        work(job)

    serve(done)
