"""Reading JSON that others wrote: every surprise becomes one line that says where and what was expected."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import Any, NoReturn, cast

from dlgsanet.errors import InputError

SHA256 = re.compile(r"[0-9a-f]{64}\Z")


def parse(text: str | bytes, name: str, advice: str = "make the bundle again") -> Any:
    """Return the JSON value in `text`; repeated keys, NaN and Infinity are refused. Raises InputError, which ends
    in `advice`."""

    def no_constants(token: str) -> NoReturn:
        raise ValueError(f"{token} is not JSON")

    def no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key is given twice in one object")
        return found

    try:
        return json.loads(text, parse_constant=no_constants, object_pairs_hook=no_repeats)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InputError(f"{name} is not valid JSON ({reason}); {advice}") from error


class Node:
    """One JSON value with the place it was found at, so that errors can name the place.

    Every accessor returns the value in the type it promises, or raises InputError naming the field.
    """

    def __init__(self, value: Any, where: str) -> None:
        self.value = value
        self.where = where

    def fail(self, expected: str) -> NoReturn:
        found = json.dumps(self.value)
        shown = found if len(found) <= 60 else found[:57] + "..."
        raise InputError(f"{self.where}: expected {expected}, found {shown}; make the bundle again")

    def mapping(self) -> dict[str, Node]:
        if not isinstance(self.value, dict):
            self.fail("an object")
        return {key: Node(value, f"{self.where}.{key}") for key, value in self.value.items()}

    def member(self, key: str) -> Node:
        """A member of the object; null where it is missing."""
        return self.mapping().get(key, Node(None, f"{self.where}.{key}"))

    def fields(self, required: Collection[str], optional: Collection[str] = ()) -> dict[str, Node]:
        """The object's members; a missing required field and an unknown one are both refused. An optional one that is
        missing is null."""
        found = {key: Node(None, f"{self.where}.{key}") for key in optional} | self.mapping()
        missing = [key for key in required if key not in found]
        unknown = [key for key in found if key not in (*required, *optional)]
        if missing:
            raise InputError(f"{self.where}: field '{missing[0]}' is missing; make the bundle again")
        if unknown:
            raise InputError(f"{self.where}: unknown field '{unknown[0]}'; expected only {', '.join(required)}")
        return found

    def items(self) -> list[Node]:
        if not isinstance(self.value, list):
            self.fail("a list")
        return [Node(value, f"{self.where}[{index}]") for index, value in enumerate(self.value)]

    def text(self) -> str:
        if not isinstance(self.value, str) or not self.value:
            self.fail("a non-empty string")
        return str(self.value)

    def optional_text(self) -> str | None:
        return None if self.value is None else self.text()

    def integer(self, least: int = 0) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool) or self.value < least:
            self.fail(f"a whole number of at least {least}")
        return int(self.value)

    def number(self) -> float:
        if not isinstance(self.value, (int, float)) or isinstance(self.value, bool):
            self.fail("a number")
        return float(self.value)

    def texts(self) -> tuple[str, ...]:
        return tuple(item.text() for item in self.items())

    def text_map(self) -> dict[str, str]:
        """An object of strings; empty ones are allowed here."""
        for key, value in self.value.items() if isinstance(self.value, dict) else ():
            if not isinstance(value, str):
                Node(value, f"{self.where}.{key}").fail("a string")
        return {key: item.value for key, item in self.mapping().items()}

    def anything(self) -> Mapping[str, Any]:
        """An object whose members are free, for example a certificate."""
        self.mapping()
        return cast("Mapping[str, Any]", self.value)

    def sha256(self) -> str:
        if not SHA256.match(self.text()):
            self.fail("a sha256 of 64 lower-case hex digits")
        return self.text()

    def path(self) -> str:
        """A path with forward slashes that stays inside the bundle."""
        if not is_inside(self.text()):
            self.fail("a path inside the bundle, with forward slashes and without '..'")
        return self.text()

    def files(self) -> dict[str, str]:
        """Paths inside the bundle and the sha256 of each."""
        return {Node(key, self.where).path(): item.sha256() for key, item in self.mapping().items()}


def is_inside(path: str) -> bool:
    """Whether `path` is a plain relative POSIX path: no '..', no root, no drive, no backslash."""
    if any(character in path for character in '\\:*?"<>|') or not path.isprintable():
        return False
    parts = PurePosixPath(path).parts
    return bool(parts) and parts[0] != "/" and ".." not in parts and str(PurePosixPath(*parts)) == path
