"""Reading, computing and writing at the same time: the engine waits for nothing but the first and the last."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TypeVar

from dlgsanet.errors import InputError

J = TypeVar("J")
R = TypeVar("R")
C = TypeVar("C")


def pipelined(
    jobs: Sequence[J],
    read: Callable[[J], R],
    compute: Callable[[J, R], C],
    write: Callable[[J, R, C], None],
    excuse: Callable[[J, InputError], None],
) -> list[J]:
    """Take every job through the three, and return those that were written. `compute` runs in the calling thread.

    While one is computed, the next is read and the last one written, no more. `excuse` is given what `read` and `write`
    raise of InputErrors, and raises, or lets the next follow. What was computed is written also when this ends early.
    """
    done: list[J] = []
    writing: tuple[J, Future[None]] | None = None

    def settle() -> None:
        if writing is None:
            return
        job, work = writing
        try:
            work.result()
        except InputError as error:
            excuse(job, error)
        else:
            done.append(job)

    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        for job, coming in _one_ahead(reader, jobs, read):
            try:
                found = coming.result()
            except InputError as error:
                excuse(job, error)
                continue
            made = compute(job, found)
            settle()
            writing = job, writer.submit(write, job, found, made)
        settle()
    return done


def _one_ahead(reader: Executor, jobs: Sequence[J], read: Callable[[J], R]) -> Iterator[tuple[J, Future[R]]]:
    """Every job with its reading, which has begun when the one before is handed out."""
    begun: deque[tuple[J, Future[R]]] = deque()
    for job in jobs:
        begun.append((job, reader.submit(read, job)))
        if len(begun) > 1:
            yield begun.popleft()
    yield from begun
