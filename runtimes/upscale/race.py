"""A race of runners that are open: what falls clearly behind the leader is closed at once, the others run on in turn.

Only ratios are kept of those that fell behind, each taken beside the leader of its time: other work on the machine,
which comes and goes, slows both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runtimes.machine.clock import now_ms, time_interleaved

CLOSE = 1.25
"""Times the leader's time: who takes longer cannot win."""

_FAR = 1.5  # times the leader's time: that few runs tell it, and that another leader's ratio tells it
_FEW, _MANY = 2, 4  # pairs of runs
_LEAST_ROUNDS, _MOST_ROUNDS, _LONGEST_MS = 4, 15, 2e3
_STEADY = 1.05  # the two fastest runs of each differ by no more: the machine let them run undisturbed


@dataclass(frozen=True)
class Racer:
    """`run` does once what is timed; `close` gives the device back."""

    name: str
    run: Callable[[], object]
    close: Callable[[], None]


@dataclass(frozen=True)
class Finish:
    """ms of every racer by its name; `steady`: whether those that ran to the end were left undisturbed."""

    ms: dict[str, float]
    steady: bool


class Race:
    """Racers enter one by one; `finish` ends it. Those that are behind, or left at the end, are closed."""

    def __init__(self) -> None:
        self._open: dict[str, Racer] = {}
        self._behind: dict[str, float] = {}  # time of each, in times of the leader's

    @property
    def running(self) -> list[str]:
        """Those that are open, the leader first."""
        return sorted(self._open, key=self._behind.__getitem__)

    def times_of_leader(self, name: str) -> float:
        """What one that has entered takes, in times of the leader's."""
        return self._behind[name]

    def leave(self, name: str) -> None:
        """One that is open does not count."""
        self._open.pop(name).close()
        del self._behind[name]

    def enter(self, racer: Racer) -> None:
        """Time it beside the leader. Raises what running raises; the racer is closed then."""
        try:
            ratio = self._ratio(racer)
        except BaseException:
            racer.close()
            raise
        self._open[racer.name] = racer
        self._behind[racer.name] = ratio
        if ratio < 1:
            self._behind = {name: behind / ratio for name, behind in self._behind.items()}
        for name in [name for name in self._open if self._behind[name] > (CLOSE if name == racer.name else _FAR)]:
            self._open.pop(name).close()

    def _ratio(self, racer: Racer) -> float:
        """Its fastest run against the leader's, run in turn."""
        if not self._open:
            return 1.0
        leader = self._open[self.running[0]]
        mine, its = [], []
        for pairs in (_FEW, _MANY - _FEW):
            times = time_interleaved({"mine": racer.run, "its": leader.run}, warmup=0, runs=pairs)
            mine += times["mine"]
            its += times["its"]
            if min(mine) > _FAR * min(its):
                break
        return min(mine) / min(its)

    def finish(self) -> Finish:
        """Run those that are close in rounds until their times repeat."""
        if not self._open:
            return Finish({}, True)
        leader = self.running[0]
        tasks = {name: racer.run for name, racer in self._open.items()}
        times: dict[str, list[float]] = {name: [] for name in tasks}
        steady, begun = False, now_ms()
        for number in range(1, _MOST_ROUNDS + 1):
            for name, found in time_interleaved(tasks, warmup=0, runs=1).items():
                times[name] += found
            steady = number >= _LEAST_ROUNDS and all(_repeats(found) for found in times.values())
            if steady or (number >= _LEAST_ROUNDS and now_ms() - begun > _LONGEST_MS):
                break
        best = min(times[leader])
        self.close()
        return Finish({name: behind * best for name, behind in self._behind.items()} | _fastest(times), steady)

    def close(self) -> None:
        """Close what is still open."""
        for racer in self._open.values():
            racer.close()
        self._open.clear()


def _fastest(times: dict[str, list[float]]) -> dict[str, float]:
    return {name: min(found) for name, found in times.items()}


def _repeats(times: list[float]) -> bool:
    first, second = sorted(times)[:2]
    return second <= _STEADY * first
