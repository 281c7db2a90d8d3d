"""Lines of a log: how often, and what they say."""

from __future__ import annotations

import io
import threading
import time

import pytest
from rich.console import Console

from dlgsanet.command_line import progress
from dlgsanet.command_line.progress import PERIOD_S, Lines, clock_time, every_step, rich_bar


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def told(total: int | None, seconds: float, steps: int, beats: int = 0) -> list[str]:
    said: list[str] = []
    clock = Clock()
    shown = Lines(total, said.append, clock)
    for number in range(steps):
        shown(f"piece {number}")
        for _ in range(max(1, beats)):
            clock.now += seconds / max(1, beats)
            if beats:
                shown.beat()
    return said


def test_a_line_every_few_seconds_says_how_far_and_how_long() -> None:
    assert told(100, 1.0, 22) == [
        "0:00:10  11 of 100  piece 10  0:01:30 left",
        "0:00:20  21 of 100  piece 20  0:01:20 left",
    ]
    assert PERIOD_S == 10


def test_short_work_says_nothing() -> None:
    assert told(3, 1.0, 3) == []


def test_a_long_step_is_said_while_it_lasts() -> None:
    assert told(2, 25.0, 1, beats=5) == ["0:00:10  1 of 2  piece 0", "0:00:20  1 of 2  piece 0"]


def test_stages_without_a_number_are_all_said() -> None:
    assert told(None, 0.1, 3) == ["0:00:00  piece 0", "0:00:00  piece 1", "0:00:00  piece 2"]
    assert told(None, 12.0, 1, beats=1) == ["0:00:00  piece 0", "0:00:12  still piece 0"]


def test_the_beat_comes_from_a_thread_that_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PERIOD_S", 0.01)
    said: list[str] = []
    before = threading.active_count()
    with progress.lines_in_log(2, said.append) as step:
        step("long")
        while not said:
            time.sleep(0.005)
    assert "1 of 2  long" in said[0]
    assert threading.active_count() == before


def test_every_step_says_every_step() -> None:
    said: list[str] = []
    step = every_step(said.append)
    step("one")
    step("two")
    assert said == ["0:00:00  one", "0:00:00  two"]


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00:00"), (59.6, "0:01:00"), (11225, "3:07:05")])
def test_clock_time(seconds: float, text: str) -> None:
    assert clock_time(seconds) == text


def test_a_bar_is_silent_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    with rich_bar(Console(file=out)) as shown:
        shown.add_task("[x]", total=2, note="")
    assert out.getvalue().strip() == ""  # older versions of rich end with an empty line
