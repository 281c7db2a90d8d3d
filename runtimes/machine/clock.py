"""The only clock of the project, and the only way of timing things that will be compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping


def now_ms() -> float:
    """Return a monotonic time in milliseconds; only differences mean something."""
    return time.perf_counter() * 1e3


def time_interleaved(
    tasks: Mapping[str, Callable[[], object]],
    *,
    warmup: int,
    runs: int,
    progress: Callable[[], object] | None = None,
) -> dict[str, list[float]]:
    """Time each task `runs` times, in rounds; return the milliseconds of each run, in the order of the
    rounds.

    A round runs every task once and starts one task later than the round before, so that drifts of the
    machine (clock speed, other work) fall on all tasks alike, sample k of all tasks is one pair, and no
    task always follows the same neighbour's caches. `progress` is called after every round, warm-up rounds
    included. Raises ValueError for a negative `warmup` or fewer than one run.
    """
    if warmup < 0 or runs < 1:
        raise ValueError(f"expected warmup >= 0 and runs >= 1, found {warmup} and {runs}")
    names = list(tasks)
    samples: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(warmup + runs):
        first = turn % len(names) if names else 0
        for name in names[first:] + names[:first]:
            start = now_ms()
            tasks[name]()
            elapsed = now_ms() - start
            if turn >= warmup:
                samples[name].append(elapsed)
        if progress is not None:
            progress()
    return samples
