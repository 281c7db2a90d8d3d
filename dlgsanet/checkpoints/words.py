"""Names out of foreign files, short enough for a line."""

from __future__ import annotations

from collections.abc import Sequence

_NAMES = 4
_LETTERS = 110


def some(names: Sequence[str]) -> str:
    """The first few names with commas, each cut to a length, quoted where it is empty or begins or ends with a
    blank, and how many more there are."""
    rest = len(names) - _NAMES
    return ", ".join(map(_short, names[:_NAMES])) + (f" and {rest} more" if rest > 0 else "")


def _short(name: str) -> str:
    shown = "".join(letter if letter.isprintable() else "?" for letter in name[: _LETTERS + 1])
    short = shown if len(name) <= _LETTERS else f"{shown[:_LETTERS]}..."
    return short if name and name == name.strip() else f"'{short}'"
