"""What a long measurement has found so far, one line of JSON each: an interrupted one goes on where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

from dlgsanet.errors import InputError, shown
from dlgsanet.storage.atomic import write_bytes
from dlgsanet.storage.json_text import Json, parse
from dlgsanet.storage.regular import read_regular

Found = TypeVar("Found")
_ADVICE = "remove it, it will be measured again"
_MOST_BYTES = 64 << 20


def _line(value: Json, where: str) -> tuple[str, object]:
    if not isinstance(value, list) or len(value) != 2 or not isinstance(name := value[0], str):
        raise InputError(f"{where}: expected a name and what was found, found {shown(value)}; {_ADVICE}")
    return name, value[1]


@dataclass
class Journal:
    """Results by name in the file at `path`; a last line that was cut off by a crash is measured again."""

    path: Path
    _known: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.path.exists():
            whole, torn = self._lines()
            if torn:
                write_bytes(self.path, b"".join(line + b"\n" for line in whole))
            for number, line in enumerate(whole, 1):
                where = f"line {number} of {self.path}"
                name, found = _line(parse(line, where, _ADVICE), where)
                self._known[name] = found

    def _lines(self) -> tuple[list[bytes], bytes]:
        """The whole lines, and what follows the last of them."""
        try:
            lines = read_regular(self.path, _MOST_BYTES).split(b"\n")
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror}; {_ADVICE}") from error
        return lines[:-1], lines[-1]

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def once(self, name: str, measure: Callable[[], Found]) -> Found:
        """What was found under this name, or what `measure` finds now (JSON data), which is on the disk at return."""
        if name not in self._known:
            found = measure()
            line = json.dumps([name, found], allow_nan=False) + "\n"
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            self._known[name] = json.loads(line)[1]
        return cast(Found, self._known[name])


def kept_journal(path: Path) -> Journal:
    """The journal at `path`; one that is damaged is begun anew."""
    try:
        return Journal(path)
    except InputError:
        path.unlink(missing_ok=True)
        return Journal(path)
