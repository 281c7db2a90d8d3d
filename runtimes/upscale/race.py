"""A race of runners that are open: they run in turn, in rounds; what falls clearly behind the leader is closed at once,
the others run on until the lead is sure.

The lead is sure where nobody was disturbed and all others are clearly slower; where nobody was disturbed in some rounds
more, and the others are near; and on a busy machine where the leader was the fastest in every one of several rounds.
Only ratios are kept of those that fell behind, each taken beside the leader of its time: other work on the machine,
which comes and goes, slows both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from dlgsanet.errors import EdgeError
from runtimes.machine.clock import now_ms, time_interleaved

CLOSE = 1.25
"""Times the leader's time: who takes longer cannot win."""

NEAR = 1.05
"""Of those whose times differ by no more the first is preferred: a next timing could turn them round."""

_FAR = 2.0  # times the leader's time: that few runs tell it, also where they were disturbed
_CLEAR = 1.12  # times the leader's time, where both were undisturbed: more runs would not turn them round
_FEW, _MANY = 2, 4  # runs of each
_WINS = 6  # rounds, all won: one chance in 64 for one that is not faster, and then none is slower by much
_MOST_ROUNDS, _LONGEST_MS = 15, 2e3
_STEADY = 1.05  # the two fastest runs of each differ by no more: the machine let them run undisturbed


@dataclass(frozen=True)
class Racer:
    """`run` does once what is timed; `close` gives the device back."""

    name: str
    run: Callable[[], object]
    close: Callable[[], None]


@dataclass(frozen=True)
class Finish:
    """ms of every racer by its name; `steady`: whether their order is sure."""

    ms: dict[str, float]
    steady: bool


def preferred(ms: Mapping[str, float]) -> list[str]:
    """The names, the one to take first: those that are near the fastest in their own order, then the others."""
    best = min(ms.values(), default=0.0)
    return sorted(ms, key=lambda name: 0.0 if ms[name] <= NEAR * best else ms[name])


class Race:
    """Racers enter; `sift` tells who is behind, `finish` ends it. Those that fall behind are closed, and all are at the
    block's end. `failed` names the one that raised an error while it ran, which both methods raise: others were
    compared with it, so the race is void."""

    def __init__(self) -> None:
        self._open: dict[str, Racer] = {}
        self._times: dict[str, list[float]] = {}  # of those that are open, in rounds that they ran together
        self._behind: dict[str, tuple[str, float]] = {}  # of those that are not: the leader of then, and times its time
        self.failed: str | None = None

    def __enter__(self) -> Race:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._open):
            self._close(name)

    @property
    def running(self) -> list[str]:
        """Those that are open, the leader first."""
        return sorted(self._open, key=self._fastest)

    def times_of_leader(self, name: str) -> float:
        """What one that ran takes, in times of the leader's."""
        return self._ms(name) / self._fastest(self.running[0])

    def enter(self, racer: Racer) -> None:
        """From now on it runs with the others; what they ran without it counts no more."""
        self._open[racer.name] = racer
        self._times = {name: [] for name in self._open}

    def sift(self) -> None:
        """Run rounds until it is known who is behind."""
        self._rounds(lambda: len(self._open) < 2 or _sure(self._found) or _runs(self._found) >= _MANY)

    def finish(self) -> Finish:
        """Run rounds until the lead is sure, or for as long as that is worth."""
        steady = self._rounds(lambda: _sure(self._found) or (_runs(self._found) >= _MANY and _undisturbed(self._found)))
        return Finish({name: self._ms(name) for name in [*self._behind, *self._open]}, steady)

    @property
    def _found(self) -> list[list[float]]:
        return list(self._times.values())

    def _rounds(self, enough: Callable[[], bool]) -> bool:
        """Whether it was enough in the end."""
        begun, rounds = now_ms(), 0
        while self._open and not enough():
            if rounds == _MOST_ROUNDS or (_runs(self._found) >= _MANY and now_ms() - begun > _LONGEST_MS):
                return False
            at = rounds % len(self._open)
            racers = list(self._open.values())
            tasks = {racer.name: partial(self._run, racer) for racer in racers[at:] + racers[:at]}
            for name, found in time_interleaved(tasks, warmup=0, runs=1).items():
                self._times[name] += found
            self._drop()
            rounds += 1
        return True

    def _run(self, racer: Racer) -> None:
        try:
            racer.run()
        except EdgeError:
            self.failed = racer.name
            raise

    def _drop(self) -> None:
        """Close those that cannot win."""
        if _runs(self._found) < _FEW:
            return
        leader = self.running[0]
        for name in self.running[1:]:
            first, its = self._times[leader], self._times[name]
            told = _undisturbed([first, its]) or (_runs(self._found) >= _MANY and _won(first, its))
            ratio = min(its) / min(first)
            if ratio > (CLOSE if told else _FAR):
                self._behind[name] = leader, ratio
                self._close(name)

    def _close(self, name: str) -> None:
        self._open.pop(name).close()
        del self._times[name]

    def _fastest(self, name: str) -> float:
        return min(self._times[name], default=0.0)

    def _ms(self, name: str) -> float:
        """Of one that fell behind: what it would take beside those that run."""
        if name not in self._behind:
            return self._fastest(name)
        leader, ratio = self._behind[name]
        return ratio * self._ms(leader)


def _runs(times: Sequence[Sequence[float]]) -> int:
    return min((len(found) for found in times), default=0)


def _undisturbed(times: Sequence[Sequence[float]]) -> bool:
    """Whether the two fastest runs of each repeat."""
    pairs = [sorted(found)[:2] for found in times]
    return all(len(pair) == 2 and pair[1] <= _STEADY * pair[0] for pair in pairs)


def _won(first: Sequence[float], other: Sequence[float]) -> bool:
    return all(mine < its for mine, its in zip(first, other, strict=True))


def _sure(times: Sequence[Sequence[float]]) -> bool:
    """Whether one is the fastest: alone; clearly, all undisturbed; or in every one of many rounds."""
    first, *others = sorted(times, key=lambda found: min(found, default=0.0))
    if not others:
        return len(first) >= _FEW
    if _undisturbed(times) and all(min(other) > _CLEAR * min(first) for other in others):
        return True
    return len(first) >= _WINS and all(_won(first, other) for other in others)
