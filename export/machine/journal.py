"""What a long measurement has found so far, one line of JSON each: an interrupted one goes on where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

Found = TypeVar("Found")


@dataclass
class Journal:
    """Results by name in the file at `path`; a last line that was cut off by a crash is measured again."""

    path: Path
    _known: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.path.is_file():
            lines = self.path.read_bytes().split(b"\n")
            whole, torn = lines[:-1], lines[-1]
            if torn:
                self.path.write_bytes(b"".join(line + b"\n" for line in whole))
            self._known = dict(json.loads(line) for line in whole)

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
