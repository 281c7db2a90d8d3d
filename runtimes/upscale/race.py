"""A race of runners that are open: what falls clearly behind the leader is closed at once, the others run on in turn,
until their order is clear.

Only ratios are kept of those that fell behind, each taken beside the leader of its time: other work on the machine,
which comes and goes, slows both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from runtimes.machine.clock import now_ms, time_interleaved

CLOSE = 1.25
"""Times the leader's time: who takes longer cannot win."""

NEAR = 1.05
"""Of those whose times differ by no more the first is preferred: a next timing could turn them round."""

_FAR = 1.5  # times the leader's time: that few runs tell it, and that another leader's ratio tells it
_CLEAR = 1.12  # times the leader's time, where both were undisturbed: more runs would not turn them round
_FEW, _MANY = 2, 4  # runs of each
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
    """ms of every racer by its name; `steady`: whether those that ran to the end were left undisturbed."""

    ms: dict[str, float]
    steady: bool


def preferred(ms: Mapping[str, float]) -> list[str]:
    """The names, the one to take first: those that are near the fastest in their own order, then the others."""
    best = min(ms.values(), default=0.0)
    return sorted(ms, key=lambda name: 0.0 if ms[name] <= NEAR * best else ms[name])


class Race:
    """Racers enter one by one; `finish` ends it. Those that fall behind are closed, and all are at the block's end."""

    def __init__(self) -> None:
        self._open: dict[str, Racer] = {}
        self._times: dict[str, list[float]] = {}  # of those that are open
        self._behind: dict[str, float] = {}  # time of each, in times of the leader's
        self._entered = 0

    def __enter__(self) -> Race:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._open):
            self._close(name)

    @property
    def running(self) -> list[str]:
        """Those that are open, the leader first."""
        return sorted(self._open, key=self._behind.__getitem__)

    def times_of_leader(self, name: str) -> float:
        """What one that has entered takes, in times of the leader's."""
        return self._behind[name]

    def enter(self, racer: Racer) -> None:
        """Time it beside the leader. Raises what running raises; the racer is closed then."""
        try:
            ratio = self._ratio(racer)
        except BaseException:
            self._times.pop(racer.name, None)
            racer.close()
            raise
        self._entered += 1
        self._open[racer.name] = racer
        self._behind[racer.name] = ratio
        if ratio < 1:
            self._behind = {name: behind / ratio for name, behind in self._behind.items()}
        for name in [name for name in self._open if self._behind[name] > (CLOSE if name == racer.name else _FAR)]:
            self._close(name)

    def _close(self, name: str) -> None:
        self._open.pop(name).close()
        del self._times[name]

    def _ratio(self, racer: Racer) -> float:
        """Its fastest run against the leader's, run in turn: few times where that tells it."""
        mine, its = self._times.setdefault(racer.name, []), list[float]()
        if not self._open:
            return 1.0
        leader = self._open[self.running[0]]
        for runs in (_FEW, _MANY - _FEW):
            times = time_interleaved({"mine": racer.run, "its": leader.run}, warmup=0, runs=runs)
            mine += times["mine"]
            its += times["its"]
            if min(mine) > _FAR * min(its) or _clear([mine, its]):
                break
        self._times[leader.name] += its
        return min(mine) / min(its)

    def finish(self) -> Finish:
        """Run those that are open in rounds, as far as what they have run does not tell their order and times. Of more
        than two that entered nothing counts but these rounds: each was timed beside another, at another moment."""
        tasks = {name: racer.run for name, racer in self._open.items()}
        if self._entered > 2:
            self._times = {name: [] for name in tasks}
        times = [self._times[name] for name in tasks]
        begun, rounds = now_ms(), 0
        while not (steady := _clear(times) or (_many(times) and _undisturbed(times))):
            if rounds == _MOST_ROUNDS or (_many(times) and now_ms() - begun > _LONGEST_MS):
                break
            for name, found in time_interleaved(tasks, warmup=0, runs=1).items():
                self._times[name] += found
            rounds += 1
        if not tasks:
            return Finish({}, True)
        best = min(self._times[self.running[0]])
        fastest = {name: min(self._times[name]) for name in tasks}
        return Finish({name: behind * best for name, behind in self._behind.items()} | fastest, steady)


def _many(times: Sequence[Sequence[float]]) -> bool:
    return all(len(found) >= _MANY for found in times)


def _undisturbed(times: Sequence[Sequence[float]]) -> bool:
    """Whether the two fastest runs of each repeat."""
    pairs = [sorted(found)[:2] for found in times]
    return all(len(pair) == 2 and pair[1] <= _STEADY * pair[0] for pair in pairs)


def _clear(times: Sequence[Sequence[float]]) -> bool:
    """Whether one is clearly the fastest, all undisturbed."""
    first, *others = sorted(min(found, default=0.0) for found in times) or [0.0]
    return _undisturbed(times) and all(other > _CLEAR * first for other in others)
