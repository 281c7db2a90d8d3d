"""Lines of a log: how often, and what they say."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from dlgsanet.command_line.progress import PERIOD_S, Lines, clock_time, every_step, rich_bar


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def told(total: int | None, seconds: float, steps: int) -> list[str]:
    said: list[str] = []
    clock = Clock()
    lines = Lines(total, said.append, clock)
    for number in range(steps):
        lines(f"piece {number}")
        clock.now += seconds
    return said


def test_the_first_step_is_said_at_once_and_then_one_every_few_seconds() -> None:
    assert told(100, 1.0, 11) == [
        "0 of 100  piece 0",
        "5 of 100  piece 5  0:01:35 left",
        "10 of 100  piece 10  0:01:30 left",
    ]
    assert PERIOD_S == 5


def test_long_steps_are_all_said() -> None:
    assert len(told(3, 60.0, 3)) == 3


def test_stages_without_a_number_are_all_said() -> None:
    assert told(None, 0.1, 3) == ["0:00:00  piece 0", "0:00:00  piece 1", "0:00:00  piece 2"]


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
    assert out.getvalue() == ""
