"""A race on a clock that the racers move: who is behind, who is closed, and what a busy machine does to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from dlgsanet.errors import BackendError
from runtimes.machine import clock
from runtimes.upscale import race as racing
from runtimes.upscale.race import Race, Racer, preferred


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


def run_race(track: Track, later: dict[str, float] | None = None, **ms: float) -> racing.Finish:
    """`later`: what enters after the first ones were sifted."""
    with Race() as race:
        for name, each in ms.items():
            race.enter(track.racer(name, each))
        race.sift()
        for name, each in (later or {}).items():
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
    assert track.runs["near"] >= 4


def test_who_cannot_win_runs_least_on_a_busy_machine_too(track: Track) -> None:
    track.load = (1 + 0.2 * (number % 3) for number in range(1000))  # no two runs of one repeat
    run_race(track, fast=10.0, near=11.0, far=100.0)
    assert track.runs["far"] == 2 and track.runs["near"] >= 4


@pytest.mark.parametrize("load", [[1.0] * 4 + [1.3] * 20, [1.3] * 4 + [1.0] * 20])
def test_times_of_different_moments_are_not_compared(track: Track, load: list[float]) -> None:
    """The third enters while all is slower, or faster, than when the first two were timed."""
    track.load = iter(load)
    finish = run_race(track, first=10.0, second=9.8, later={"third": 8.5})
    if load[-1] == 1.0:
        assert {name: round(ms, 6) for name, ms in finish.ms.items()} == {"first": 10.0, "second": 9.8, "third": 8.5}
    assert finish.ms["first"] / finish.ms["third"] == pytest.approx(10 / 8.5)
    assert finish.steady and preferred(finish.ms)[0] == "third"


def test_what_fell_behind_has_its_time_beside_the_last_leader(track: Track) -> None:
    """It ran while all was three times as slow, beside one that is behind another now."""
    track.load = iter([3.0] * 4)
    finish = run_race(track, first=10.0, far=40.0, later={"best": 5.0})
    assert {name: round(ms, 6) for name, ms in finish.ms.items()} == {"far": 40.0, "first": 10.0, "best": 5.0}


def test_a_clear_order_ends_the_race_at_once(track: Track) -> None:
    run_race(track, slow=12.0, fast=10.0)
    assert track.runs == {"slow": 2, "fast": 2}


def test_one_that_stands_alone_is_not_sifted(track: Track) -> None:
    with Race() as race:
        race.enter(track.racer("only", 10.0))
        race.sift()
        assert track.runs == {} and race.running == ["only"]


def test_a_lead_in_every_one_of_many_rounds_is_sure_on_a_busy_machine(track: Track) -> None:
    track.load = (1 + 0.1 * (number // 2) for number in range(1000))  # nothing ever repeats
    finish = run_race(track, first=10.0, second=11.8)
    assert finish.steady and track.runs["second"] == 6 and preferred(finish.ms) == ["first", "second"]


def test_one_lost_round_is_no_lead_in_all(track: Track) -> None:
    load = [1 + 0.1 * (number // 2) for number in range(1000)]
    load[8] *= 1.3  # the first one's, in the fifth round
    track.load = iter(load)
    run_race(track, first=10.0, second=11.8)
    assert track.runs["second"] > 6


def test_one_alone_is_timed_twice(track: Track) -> None:
    track.load = iter([2.0, 1.5, 1.0])
    assert run_race(track, only=10.0) == racing.Finish({"only": 15.0}, True)


@pytest.mark.parametrize("disturbed", range(8))
def test_one_disturbed_run_turns_no_order_round(track: Track, disturbed: int) -> None:
    track.load = iter([1.0] * disturbed + [5.0])
    finish = run_race(track, first=10.0, second=9.0)
    assert finish == racing.Finish({"first": 10.0, "second": 9.0}, True)


def test_work_beside_it_that_slows_both_changes_no_ratio(track: Track) -> None:
    track.load = iter([3.0] * 4)  # the first two pairs
    finish = run_race(track, first=20.0, second=10.0)
    assert finish.ms["first"] == pytest.approx(2 * finish.ms["second"])


def test_work_beside_it_that_comes_later_changes_no_ratio(track: Track) -> None:
    track.load = iter([1.0] * 4 + [3.0] * 100)  # none of the third's pairs is undisturbed
    finish = run_race(track, first=20.0, second=10.0, third=20.0)
    assert finish.ms["third"] == pytest.approx(2 * finish.ms["second"])


def test_times_that_never_repeat_are_said(track: Track) -> None:
    track.load = (1 + 0.5 * number for number in range(1000))
    assert not run_race(track, first=10.0, second=10.0).steady


def test_a_race_on_a_busy_machine_ends(track: Track) -> None:
    track.load = (100 + 10.0 * number for number in range(1000))
    run_race(track, first=10.0, second=10.0)
    assert track.runs["second"] < 15


def test_one_that_fails_makes_the_race_void_and_is_named(track: Track) -> None:
    def fails() -> None:
        raise BackendError("the device is lost")

    with Race() as race:
        race.enter(track.racer("good", 10.0))
        race.enter(Racer("bad", fails, lambda: track.closed.append("bad")))
        with pytest.raises(BackendError, match="lost"):
            race.sift()
        assert race.failed == "bad"
    assert sorted(track.closed) == ["bad", "good"]


def test_near_ones_are_preferred_in_their_own_order() -> None:
    assert preferred({"a": 10.0, "b": 9.7, "e": 15.0, "d": 20.0, "c": 10.3}) == ["a", "b", "c", "e", "d"]
    assert preferred({}) == []


def test_nobody_finishes_an_empty_race() -> None:
    assert Race().finish() == racing.Finish({}, True)
