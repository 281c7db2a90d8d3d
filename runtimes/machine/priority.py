"""The priority of this process's threads, kept from libraries that raise it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_TASKS = Path("/proc/self/task")


@contextmanager
def same_priority() -> Iterator[None]:
    """All threads have the scheduling of this one again after the body, where it changed; Linux only.

    SVT-AV1 gives its threads and the one that opens it real-time priority where it may (as root, so in many
    containers). Nothing else would run on their cores, and every thread that an engine begins later is like that, too.
    """
    if sys.platform != "linux":
        yield
        return
    policy, given = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            for task in _TASKS.iterdir():
                with suppress(OSError):  # it ended meanwhile
                    os.sched_setscheduler(int(task.name), policy, given)
