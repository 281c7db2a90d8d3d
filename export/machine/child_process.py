"""Converters and quantizers in processes of their own: their crash becomes one line, not the end of ours.

`run_job` asks one, `do_job` is what it answers with; how they talk is in `runtimes.machine.child`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from dlgsanet.errors import BackendError
from dlgsanet.storage.typed_json import decode, to_json
from runtimes.machine.child import Job, ask, serve

Asked = TypeVar("Asked")


def run_job(module: str, asked: object, what: str, result: Path) -> None:
    """Run `python -m module` with what is asked, a frozen dataclass of JSON's values; it must write `result`.

    Raises the error that it raised, and BackendError, with the last line that it said, when it fails or crashes.
    """
    try:
        ask(Job(module, to_json(asked), what))
    except BackendError as error:
        raise BackendError(f"{error}; please report this") from error
    if not result.is_file():
        raise BackendError(f"{what}: '{result.name}' was not written; please report this")


def do_job(kind: type[Asked], work: Callable[[Asked], None]) -> None:
    """In the process of a job of this `kind`: `work` does it. An error that is explained to the user is told to who
    asked."""

    def done(asked: object, say: Callable[[str], None]) -> None:
        work(decode(kind, asked, "job", "please report this"))

    serve(done)
