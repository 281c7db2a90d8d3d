"""How a process ended, in words."""

from __future__ import annotations

import signal
from contextlib import suppress


def exit_name(code: int | None) -> str:
    """Of an exit code as Python's process objects have it: a signal's name for a negative one; None: it still runs."""
    if code is None:
        return "it does not answer"
    if code < 0:
        with suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"
