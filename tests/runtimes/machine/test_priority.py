"""What raises the priority of threads does not last."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runtimes.machine.priority import same_priority

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")


def policies() -> set[int]:
    return {os.sched_getscheduler(int(task.name)) for task in Path("/proc/self/task").iterdir()}


@contextmanager
def another_thread() -> Iterator[int]:
    """Its number."""
    done, told = threading.Event(), threading.Event()
    found: list[int] = []

    def wait() -> None:
        found.append(threading.get_native_id())
        told.set()
        done.wait()

    thread = threading.Thread(target=wait)
    thread.start()
    told.wait()
    try:
        yield found[0]
    finally:
        done.set()
        thread.join()


@pytest.fixture
def raised() -> Iterator[Callable[[int], None]]:
    """Gives a thread another scheduling, as a library would: real time as root, else the one for long work."""
    before = os.sched_getscheduler(0), os.sched_getparam(0)

    def change(task: int) -> None:
        try:
            os.sched_setscheduler(task, os.SCHED_FIFO, os.sched_param(1))
        except PermissionError:
            os.sched_setscheduler(task, os.SCHED_BATCH, os.sched_param(0))

    yield change
    os.sched_setscheduler(0, *before)


def test_every_thread_is_as_before(raised: Callable[[int], None]) -> None:
    before = policies()
    with another_thread() as other, same_priority():
        raised(other)
        raised(0)
        assert policies() != before
    assert policies() == before


def test_an_error_in_the_body_does_not_leave_it(raised: Callable[[int], None]) -> None:
    before = policies()
    with pytest.raises(ValueError), same_priority():
        raised(0)
        raise ValueError
    assert policies() == before


def test_what_it_was_given_stays(raised: Callable[[int], None]) -> None:
    raised(0)
    chosen = os.sched_getscheduler(0)
    with same_priority():
        pass
    assert os.sched_getscheduler(0) == chosen
