"""How often each file was begun and not finished: what ends its process leaves it begun.

Ray starts an actor again as often as it dies, and gives it the same files.
"""

from __future__ import annotations

import importlib
from collections import Counter
from contextlib import suppress
from types import ModuleType
from typing import Any


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


def begin(counter: str, target: str | None) -> int:
    """`Begun.begin` of the counter of this name, asked by an actor; None is its own opening. 1 where nobody counts, and
    in a process that is the actor's first: none was ended."""
    begun = _asked(counter)
    return 1 if begun is None else int(importlib.import_module("ray").get(begun.begin.remote(_named(target))))


def end(counter: str, target: str | None) -> None:
    """`Begun.end`, told by an actor."""
    begun = _asked(counter)
    if begun is not None:
        begun.end.remote(_named(target))


def _named(target: str | None) -> str:
    """No file is called as an actor is."""
    return target or f"\0{importlib.import_module('ray').get_runtime_context().get_actor_id()}"


def _asked(counter: str) -> Any:
    """The counter, made by the first that asks; it takes no core, outlives who made it, and begins at nothing where its
    machine is lost."""
    if not counter:
        return None
    ray = importlib.import_module("ray")
    if not ray.get_runtime_context().was_current_actor_reconstructed:
        return None
    wanted = {"name": counter, "get_if_exists": True, "lifetime": "detached"}
    return ray.remote(Begun).options(**wanted, num_cpus=0, max_restarts=-1, max_task_retries=-1).remote()


def end_counting(ray: ModuleType, counter: str) -> None:
    """When the job is over."""
    with suppress(ValueError):  # nothing ended its process, and none was made
        ray.kill(ray.get_actor(counter))
