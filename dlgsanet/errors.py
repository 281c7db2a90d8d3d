"""The errors that a user can meet, and the exit code of each.

Every message is one line: what was expected, what was found, what to do. The front door prints it and
exits with `exit_code`; anything that is not an `EdgeError` is a bug of ours (`ExitCode.INTERNAL`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What the command returns to the shell; skipped never looks like passed."""

    OK = 0
    GATE = 1
    USAGE = 2
    UNAVAILABLE = 3
    SPEED = 4
    INTERNAL = 70
    INTERRUPTED = 130


class EdgeError(Exception):
    """Base of the errors that are explained to the user in one line."""

    exit_code: ClassVar[ExitCode] = ExitCode.INTERNAL

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))  # one line, whatever a library's text brought in


class InputError(EdgeError):
    """Wrong usage, configuration or input."""

    exit_code = ExitCode.USAGE


class UnavailableError(EdgeError):
    """A backend or device that this machine lacks; the message names it and the extra that brings it."""

    exit_code = ExitCode.UNAVAILABLE


class GateError(EdgeError):
    """An accuracy gate failed."""

    exit_code = ExitCode.GATE


class SpeedGateError(EdgeError):
    """A speed gate (`--require`) failed."""

    exit_code = ExitCode.SPEED


class BackendError(EdgeError):
    """A backend crashed or returned something impossible."""

    exit_code = ExitCode.INTERNAL


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was most likely meant to be, or None if none is close."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return close[0] if close else None


def unknown(kind: str, word: str, known: Iterable[str]) -> InputError:
    """The error for a name that is not in a table: it lists the known names and suggests the nearest."""
    names = list(known)
    guess = nearest(word, names)
    hint = f"; did you mean {guess}?" if guess else ""
    return InputError(f"unknown {kind} {word!r}; known: {', '.join(names) or 'none'}{hint}")
