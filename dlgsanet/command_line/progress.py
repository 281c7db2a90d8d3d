"""Progress of long verbs: a bar on a terminal, lines in a log. The only helper for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

Say = Callable[[str], None]
OnStep = Callable[[str], None]
"""Called before each piece of work, with what it is."""

PERIOD_S = 10.0
"""Seconds between two lines of a log."""


class Lines:
    """Lines for whoever reads the output later: one every PERIOD_S, with what is being done and the time left.

    Without a `total` every step has a line at once too: there are few, and each is a stage of its own.
    """

    def __init__(self, total: int | None, say: Say, clock: Callable[[], float] = monotonic) -> None:
        self._total, self._say, self._clock = total, say, clock
        self._start = self._last = clock()
        self._begun = 0
        self._doing = ""
        self._lock = Lock()

    def __call__(self, doing: str) -> None:
        """The next piece of work begins."""
        with self._lock:
            self._begun += 1
            self._doing = doing
            if self._total is None:
                self._tell(self._clock(), doing)
            else:
                self._tell_if_due()

    def beat(self) -> None:
        """Time has passed."""
        with self._lock:
            if self._begun:
                self._tell_if_due()

    def _tell_if_due(self) -> None:
        now = self._clock()
        if now - self._last >= PERIOD_S:
            self._tell(now, f"still {self._doing}" if self._total is None else f"{self._doing}{self._left(now)}")

    def _tell(self, now: float, what: str) -> None:
        self._last = now
        place = "" if self._total is None else f"{self._begun} of {self._total}  "
        self._say(f"{clock_time(now - self._start)}  {place}{what}")

    def _left(self, now: float) -> str:
        """From the steps that are over: all that have begun but the last."""
        over = self._begun - 1
        if over < 1 or self._total is None:
            return ""
        remaining = max(0, self._total - over) * (now - self._start) / over
        return f"  {clock_time(remaining)} left"


@contextmanager
def lines_in_log(total: int | None, say: Say, *, beating: bool = True) -> Iterator[OnStep]:
    """Lines while the work goes on; `beating`: also while one piece of it takes long, by a thread."""
    told, over = Lines(total, say), Event()

    def beat() -> None:
        while not over.wait(PERIOD_S):
            told.beat()

    thread = Thread(target=beat, daemon=True)
    if beating:
        thread.start()
    try:
        yield told
    finally:
        over.set()
        if beating:
            thread.join()


def every_step(say: Say) -> OnStep:
    """A line for each step, with the time since the first."""
    start = monotonic()
    return lambda doing: say(f"{clock_time(monotonic() - start)}  {doing}")


@contextmanager
def bar(total: int | None) -> Iterator[OnStep]:
    """A bar on stderr that goes away when the work is done."""
    from dlgsanet.command_line.console import PlainConsole

    with rich_bar(PlainConsole(stderr=True), transient=True) as shown:
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
