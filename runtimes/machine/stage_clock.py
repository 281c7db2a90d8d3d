"""Where the time of a whole job goes: the stages of a pipeline, each timed in the thread that does it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from math import inf
from threading import Lock, local
from typing import Literal, ParamSpec, TypeVar, get_args

from runtimes.machine.clock import now_ms

Stage = Literal["decode", "cut", "copies", "engine", "blend", "encode"]
STAGES: tuple[Stage, ...] = get_args(Stage)

P = ParamSpec("P")
T = TypeVar("T")


class StageClock:
    """Milliseconds of every stage. One inside another counts for itself alone, and those of several threads add up, so
    all together may be longer than the job."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._threads: list[_ThreadTimes] = []
        self._local = local()
        self._first, self._last = inf, -inf

    @contextmanager
    def stage(self, stage: Stage | None) -> Iterator[None]:
        """The block is this stage's, or nobody's (None): it waits for another thread."""
        times = self._here()
        self._first = min(self._first, times.turn_to(stage))
        try:
            yield
        finally:
            self._last = max(self._last, times.turn_back())

    def each(self, stage: Stage | None, items: Iterable[T]) -> Iterator[T]:
        """The same items; what it takes to make them is this stage's, or waiting (None)."""
        iterator, end = iter(items), object()
        try:
            while True:
                with self.stage(stage):
                    item = next(iterator, end)
                if item is end:
                    return
                yield item  # type: ignore[misc]  # not the end, so it came out of the items
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    def timed(self, stage: Stage, function: Callable[P, T]) -> Callable[P, T]:
        """The same function; its calls are this stage's."""

        def clocked(*args: P.args, **kwargs: P.kwargs) -> T:
            with self.stage(stage):
                return function(*args, **kwargs)

        return clocked

    def engine(self, run: Callable[[Iterator[T]], Iterator[T]]) -> Callable[[Iterator[T]], Iterator[T]]:
        """The same stream of tiles through an engine: taking tiles is `cut`, the rest `engine`."""
        return lambda tiles: self.each("engine", run(self.each("cut", tiles)))

    def span_ms(self) -> float:
        """From the beginning of the first stage to the end of the last."""
        return max(self._last - self._first, 0.0)

    def busy_ms(self) -> dict[Stage, float]:
        """Every stage that has run, in the order of STAGES."""
        with self._lock:
            totals = [times.busy_ms for times in self._threads]
        sums = {stage: sum(found.get(stage, 0.0) for found in totals) for stage in STAGES}
        return {stage: value for stage, value in sums.items() if value > 0}

    def beside_engine_ms(self) -> float:
        """All that the busiest thread with the engine did, the engine included: what is left of a job's time, it
        waited for other threads."""
        with self._lock:
            return max((sum(it.busy_ms.values()) for it in self._threads if "engine" in it.busy_ms), default=0.0)

    def _here(self) -> _ThreadTimes:
        times: _ThreadTimes | None = getattr(self._local, "times", None)
        if times is None:
            times = self._local.times = _ThreadTimes()
            with self._lock:
                self._threads.append(times)
        return times


class _ThreadTimes:
    """The stages of one thread, and those that it is in, the innermost last."""

    def __init__(self) -> None:
        self.busy_ms: defaultdict[Stage, float] = defaultdict(float)
        self._inside: list[Stage | None] = []
        self._since = 0.0

    def turn_to(self, stage: Stage | None) -> float:
        now = self._count()
        self._inside.append(stage)
        return now

    def turn_back(self) -> float:
        now = self._count()
        self._inside.pop()
        return now

    def _count(self) -> float:
        now = now_ms()
        if self._inside and (stage := self._inside[-1]) is not None:
            self.busy_ms[stage] += now - self._since
        self._since = now
        return now
