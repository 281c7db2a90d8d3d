"""The errors that a user can meet, and the exit code of each.

Every message is one line: what was expected, what was found, what to do. The front door prints it and
exits with `exit_code`; anything that is not an `EdgeError` is a bug of ours (`ExitCode.INTERNAL`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from enum import IntEnum
from typing import ClassVar

LONGEST_MESSAGE = 2000
"""Characters of an error; what is longer loses its middle, since the advice stands at the end."""

LONGEST_VALUE = 120
"""Characters of one value in a message."""

# Control characters, marks that hide or reorder what follows them, halves of characters.
_OBEYED = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


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
        super().__init__(one_line(message))


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


def visible(text: str) -> str:
    """`text` as a terminal may get it: what it would obey rather than show is written as an escape, such as \\x1b."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def one_line(text: str, most: int = LONGEST_MESSAGE) -> str:
    """`text` in one visible line, whatever a library or a foreign name brought in; cut in the middle to `most`."""
    if len(text) > 8 * most:  # before the work, which a name of megabytes would make long
        text = f"{text[: 4 * most]} {text[-4 * most :]}"
    return cut(visible(" ".join(text.split())), most)


def shown(value: object, most: int = LONGEST_VALUE) -> str:
    """A value that somebody gave, as messages have it: quoted as Python does, cut in the middle."""
    try:
        return one_line(repr(value), most)
    except (ValueError, RecursionError):  # a whole number of more digits than Python writes, lists in lists
        return "a value without end"


def cut(text: str, most: int) -> str:
    """`text`, or its beginning and end where it is longer than `most`."""
    head = (most - 3) * 2 // 3
    return text if len(text) <= most else f"{text[:head]}...{text[head + 3 - most :]}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was most likely meant to be, or None if none is close."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return close[0] if close else None


def unknown(kind: str, word: str, known: Iterable[str]) -> InputError:
    """The error for a name that is not in a table: it lists the known names and suggests the nearest."""
    names = list(known)
    guess = nearest(cut(word, LONGEST_VALUE), names)
    hint = f"; did you mean {guess}?" if guess else ""
    return InputError(f"unknown {kind} {shown(word)}; known: {', '.join(names) or 'none'}{hint}")
