"""Two halves of a pipeline: work done ahead of whoever takes it, and work done behind whoever gives it.

Each is one thread with a queue of a few items, so memory is bounded; errors come out where the items do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

T = TypeVar("T")

DEPTH = 2
"""Items that wait in a queue."""

_POLL_S = 0.1


class _Abandoned(Exception):
    pass


class _End:
    """No more items."""


class _Channel(Generic[T]):
    """A bounded queue that both sides can leave."""

    def __init__(self, depth: int) -> None:
        self._queue: Queue[T | _End] = Queue(depth)
        self._left = Event()

    def put(self, item: T | _End) -> None:
        while not self._left.is_set():
            try:
                return self._queue.put(item, timeout=_POLL_S)
            except Full:
                continue
        raise _Abandoned

    def items(self) -> Iterator[T]:
        """What was put, then the end; where the putting side left without one, _Abandoned behind what it had put."""
        while True:
            left = self._left.is_set()  # asked first: nothing is put after it
            try:
                item = self._queue.get(timeout=0 if left else _POLL_S)
            except Empty:
                if left:
                    raise _Abandoned from None
                continue
            if isinstance(item, _End):
                return
            yield item

    def end(self) -> None:
        """No more items, if anybody still takes them."""
        with suppress(_Abandoned):
            self.put(_End())

    def leave(self) -> None:
        self._left.set()


class _Worker:
    """A thread that keeps the error it ended with."""

    def __init__(self, work: Callable[[], None], at_end: Callable[[], None]) -> None:
        self.error: BaseException | None = None

        def run() -> None:
            try:
                work()
            except _Abandoned:
                pass
            except BaseException as error:  # noqa: BLE001  (raised again where the items come out)
                self.error = error
            finally:
                at_end()

        self._thread = Thread(target=run, daemon=True)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()


@contextmanager
def ahead(make: Callable[[], Iterator[T]], depth: int = DEPTH) -> Iterator[Iterator[T]]:
    """The items of `make()`, made in a thread up to `depth` items before they are taken."""
    channel: _Channel[T] = _Channel(depth)

    def work() -> None:
        items = make()
        try:
            for item in items:
                channel.put(item)
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    # also after an error: what was made before it is still taken, then the error is raised
    worker = _Worker(work, channel.end)

    def taken() -> Iterator[T]:
        yield from channel.items()
        worker.join()
        if worker.error is not None:
            raise worker.error

    try:
        yield taken()
    finally:
        channel.leave()
        worker.join()


@contextmanager
def behind(consume: Callable[[Iterator[T]], None], depth: int = DEPTH, *last: T) -> Iterator[Callable[[T], None]]:
    """A function that hands items to `consume`, which runs in a thread; the block's end waits for it.

    A block that ends with an error abandons it: the iterator that it reads gives what was handed over, then raises and
    does not end. With `last` it ends all the same, behind what was handed over and these.
    """
    channel: _Channel[T] = _Channel(depth)
    worker = _Worker(lambda: consume(channel.items()), channel.leave)

    def put(item: T) -> None:
        try:
            channel.put(item)
        except _Abandoned:
            fail()
            raise

    def fail() -> None:
        worker.join()
        if worker.error is not None:
            raise worker.error

    try:
        yield put
        channel.end()
    except BaseException:
        if not last:
            channel.leave()
        with suppress(_Abandoned):
            for item in last:
                channel.put(item)
        channel.end()
        worker.join()
        raise
    fail()
