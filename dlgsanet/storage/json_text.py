"""JSON that anybody may have written: its values, bounded in every way, or one line that says what is wrong."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import NoReturn, TypeAlias

from dlgsanet.errors import InputError
from dlgsanet.storage.regular import open_regular

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MAX_DEPTH = 64
"""Lists and objects inside each other; files of ours have a tenth of it, and recursion ends at some hundreds."""

_MAX_DIGITS = 1000  # Python needs quadratic time for more, or refuses them itself


def parse(text: str | bytes, name: str, advice: str) -> Json:
    """The JSON value in `text`; `name` is what the error calls it, `advice` its end.

    Raises InputError for what is no JSON, and for what some readers take and others do not: repeated keys, NaN,
    numbers beyond all range, half a character (a lone surrogate), more than MAX_DEPTH.
    """
    try:
        value: Json = json.loads(
            text, parse_constant=_constant, parse_int=_whole, parse_float=_finite, object_pairs_hook=_unrepeated
        )
        _require_sound(value)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InputError(f"{name} is not valid JSON ({reason}); {advice}") from error
    return value


def read(place: Path, limit: int, what: str, advice: str) -> Json:
    """The JSON value in a file of at most `limit` bytes; `what` says what was expected. Raises InputError."""
    try:
        with open_regular(place) as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise InputError(f"cannot read {what} {place}: {error.strerror}; {advice}") from error
    if len(data) > limit:
        raise InputError(f"expected {what} of at most {limit >> 20} MiB, found more in {place}; {advice}")
    return parse(data, place.name, advice)


def _constant(token: str) -> NoReturn:
    raise ValueError(f"{token} is not JSON")


def _whole(token: str) -> int:
    if len(token) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(token)} digits")
    return int(token)


def _finite(token: str) -> float:
    number = float(token)
    if not math.isfinite(number):
        raise ValueError(f"{token[:40]} is beyond all range")
    return number


def _unrepeated(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice in one object")
    return found


def _require_sound(value: Json) -> None:
    """Raise ValueError for what could not be written again: depth without end, half a character."""
    level: list[Json] = [value]
    for _ in range(MAX_DEPTH + 1):
        if not level:
            return
        inner: list[Json] = []
        for item in level:
            if isinstance(item, str):
                _require_characters(item)
            elif isinstance(item, dict):
                for key in item:
                    _require_characters(key)
                inner += item.values()
            elif isinstance(item, list):
                inner += item
        level = inner
    raise ValueError("nested too deeply")


def _require_characters(text: str) -> None:
    if not text.isascii():
        text.encode()  # a lone surrogate is a UnicodeEncodeError, which is a ValueError
