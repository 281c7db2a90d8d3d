"""A race on a clock that the racers move: who is behind, who is closed, and what a busy machine does to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from runtimes.machine import clock
from runtimes.upscale import race as racing
from runtimes.upscale.race import Race, Racer


@dataclass
class Track:
    """Time passes where a racer runs; `load` slows whoever runs next, one factor each."""

    now: float = 0.0
    load: Iterator[float] = field(default_factory=lambda: iter(()))
    closed: list[str] = field(default_factory=list)
    runs: dict[str, int] = field(default_factory=dict)

    def racer(self, name: str, ms: float) -> Racer:
        def run() -> None:
            self.now += ms * next(self.load, 1.0)
            self.runs[name] = self.runs.get(name, 0) + 1

        return Racer(name, run, lambda: self.closed.append(name))


@pytest.fixture
def track(monkeypatch: pytest.MonkeyPatch) -> Track:
    made = Track()
    for module in (clock, racing):
        monkeypatch.setattr(module, "now_ms", lambda: made.now)
    return made


def run_race(track: Track, **ms: float) -> racing.Finish:
    race = Race()
    for name, each in ms.items():
        race.enter(track.racer(name, each))
    return race.finish()


def test_all_times_are_known_and_all_are_closed(track: Track) -> None:
    finish = run_race(track, slow=40.0, fast=10.0, near=11.0, far=100.0)
    assert finish.steady
    assert {name: round(ms, 6) for name, ms in finish.ms.items()} == {
        "slow": 40.0, "fast": 10.0, "near": 11.0, "far": 100.0,
    }  # fmt: skip
    assert sorted(track.closed) == ["far", "fast", "near", "slow"]


def test_who_cannot_win_runs_least(track: Track) -> None:
    run_race(track, fast=10.0, near=11.0, far=100.0)
    assert track.runs["far"] == 2 and track.closed[0] == "far"
    assert track.runs["near"] > 5


def test_work_beside_it_that_slows_both_changes_no_ratio(track: Track) -> None:
    track.load = iter([3.0] * 8)  # the first four pairs
    finish = run_race(track, first=20.0, second=10.0)
    assert finish.ms["first"] == pytest.approx(2 * finish.ms["second"])


def test_times_that_never_repeat_are_said(track: Track) -> None:
    track.load = (1 + 0.5 * number for number in range(1000))
    assert not run_race(track, first=10.0, second=10.0).steady


def test_a_race_on_a_busy_machine_ends(track: Track) -> None:
    track.load = (100 + 10.0 * number for number in range(1000))
    run_race(track, first=10.0, second=10.0)
    assert track.runs["second"] < 15


def test_one_that_fails_is_closed_and_the_others_go_on(track: Track) -> None:
    def fails() -> None:
        raise ValueError

    race = Race()
    race.enter(track.racer("good", 10.0))
    with pytest.raises(ValueError):
        race.enter(Racer("bad", fails, lambda: track.closed.append("bad")))
    assert track.closed == ["bad"]
    assert race.finish().ms == {"good": 10.0}


def test_nobody_finishes_an_empty_race() -> None:
    assert Race().finish() == racing.Finish({}, True)
