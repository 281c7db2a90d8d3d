"""Progress of long verbs: a bar on a terminal, lines in a log. The only helper for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

Say = Callable[[str], None]
Step = Callable[[str], None]
"""Called before each piece of work, with what it is."""

PERIOD_S = 5.0
"""Seconds between two lines of a log, at least."""


class Lines:
    """Lines for whoever reads the output later: the first step at once, then one every PERIOD_S with the time left.

    Without a `total` every step has its line: there are few, and each is a stage of its own.
    """

    def __init__(self, total: int | None, say: Say, clock: Callable[[], float] = monotonic) -> None:
        self._total, self._say, self._clock = total, say, clock
        self._start = self._last = clock()
        self._begun = 0

    def __call__(self, doing: str) -> None:
        now = self._clock()
        if self._total is None:
            self._say(f"{clock_time(now - self._start)}  {doing}")
        elif self._begun == 0 or now - self._last >= PERIOD_S:
            self._last = now
            self._say(f"{self._begun} of {self._total}  {doing}{self._left(now)}")
        self._begun += 1

    def _left(self, now: float) -> str:
        """Steps that have begun are done but for the last one, which begins now."""
        if not self._begun or self._total is None:
            return ""
        remaining = max(0, self._total - self._begun) * (now - self._start) / self._begun
        return f"  {clock_time(remaining)} left"


def every_step(say: Say) -> Step:
    """A line for each step, with the time since the first."""
    start = monotonic()
    return lambda doing: say(f"{clock_time(monotonic() - start)}  {doing}")


@contextmanager
def bar(total: int | None) -> Iterator[Step]:
    """A bar on stderr that goes away when the work is done."""
    from rich.console import Console

    with rich_bar(Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=total, note="")
        begun = False

        def step(doing: str) -> None:
            nonlocal begun
            shown.update(task, description=doing[:60], advance=1 if begun else 0)
            begun = True

        yield step


def rich_bar(console: Console, *, transient: bool = False) -> Progress:
    """A bar with elapsed and remaining time and a note; silent where the console is no terminal."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    return Progress(*columns, console=console, transient=transient, disable=not console.is_terminal)


def clock_time(seconds: float) -> str:
    """Hours, minutes and seconds: 3:07:05."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
