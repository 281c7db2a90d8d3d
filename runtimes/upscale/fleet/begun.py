"""How often each file was begun and not finished: what ends its process leaves it begun.

Ray starts an actor again as often as it dies, and gives it the same files.
"""

from __future__ import annotations

import importlib
from collections import Counter
from types import ModuleType
from typing import Any, TypeAlias

Handle: TypeAlias = Any
"""Of the one `Begun` of a job, which every actor asks."""


class Begun:
    """An actor of Ray that only counts."""

    def __init__(self) -> None:
        self._times: Counter[str] = Counter()

    def begin(self, target: str) -> int:
        """How often the file has been begun now without an end."""
        self._times[target] += 1
        return self._times[target]

    def end(self, target: str) -> None:
        """Its process lives."""
        self._times.pop(target, None)


def start_counting(ray: ModuleType) -> Handle:
    """One for a job; it takes no core, and begins at nothing where its machine is lost."""
    return ray.remote(Begun).options(num_cpus=0, max_restarts=-1, max_task_retries=-1).remote()


def begin(begun: Handle, target: str) -> int:
    """`Begun.begin`, asked by an actor; 1 where nobody counts."""
    return 1 if begun is None else int(importlib.import_module("ray").get(begun.begin.remote(target)))


def end(begun: Handle, target: str) -> None:
    """`Begun.end`, told by an actor."""
    if begun is not None:
        begun.end.remote(target)
