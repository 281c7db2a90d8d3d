from __future__ import annotations

from collections.abc import Iterator
from threading import Thread

import pytest

from runtimes.machine import stage_clock
from runtimes.machine.stage_clock import StageClock


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in ms; a test moves it."""
    time = [0.0]
    monkeypatch.setattr(stage_clock, "now_ms", lambda: time[0])
    return time


def test_a_stage_inside_another_counts_for_itself_alone(now: list[float]) -> None:
    clock = StageClock()
    with clock.stage("blend"):
        now[0] += 1
        with clock.stage("engine"):
            now[0] += 10
        now[0] += 2
    now[0] += 100
    assert clock.busy_ms() == {"engine": 10, "blend": 3}
    assert clock.span_ms() == 13


def test_nothing_timed_took_no_time() -> None:
    assert StageClock().span_ms() == StageClock().beside_engine_ms() == 0 and not StageClock().busy_ms()


def test_a_stage_that_fails_is_left(now: list[float]) -> None:
    clock = StageClock()
    with pytest.raises(ValueError, match="broken"), clock.stage("decode"):
        now[0] += 4
        raise ValueError("broken")
    now[0] += 9
    with clock.stage("encode"):
        now[0] += 1
    assert clock.busy_ms() == {"decode": 4, "encode": 1}


def test_tiles_are_cut_computed_and_blended(now: list[float]) -> None:
    clock = StageClock()

    def cut() -> Iterator[int]:
        for tile in range(3):
            now[0] += 1
            yield tile

    def engine(tiles: Iterator[int]) -> Iterator[int]:
        for tile in tiles:
            now[0] += 10
            yield -tile

    def tiled() -> Iterator[int]:
        for answer in clock.engine(engine)(cut()):
            now[0] += 2
            yield answer

    assert list(clock.each("blend", tiled())) == [0, -1, -2]
    assert clock.busy_ms() == {"cut": 3, "engine": 30, "blend": 6}
    assert clock.beside_engine_ms() == 39


def test_threads_add_up_and_only_the_engines_own_counts_beside_it(now: list[float]) -> None:
    clock = StageClock()

    def step(milliseconds: float) -> None:
        now[0] += milliseconds

    for number in range(2):
        work = Thread(target=clock.timed("encode", step), args=(5 + number,))
        work.start()
        work.join()
    clock.timed("engine", step)(7)
    assert clock.busy_ms() == {"engine": 7, "encode": 11}
    assert clock.beside_engine_ms() == 7


def test_items_that_are_left_early_are_closed() -> None:
    closed = []

    def items() -> Iterator[int]:
        try:
            yield from range(9)
        finally:
            closed.append(True)

    taken = StageClock().each("decode", items())
    next(taken)
    taken.close()  # type: ignore[attr-defined]
    assert closed == [True]
