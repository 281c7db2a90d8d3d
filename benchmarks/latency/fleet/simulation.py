"""A fleet as a few queues: one driver hands out blocks, actors compute them, one store moves the bytes, machines fail.

Nothing is smooth here on purpose: the time ends with the last block, wherever it is.
"""

from __future__ import annotations

import bisect
import heapq
import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from benchmarks.latency.fleet.samples import JobSamples
from runtimes.upscale.fleet.outcomes import blocks_of

DISPATCH_S = 0.01
"""Of the driver for a block: with it the simulation was within 5 % of clusters of 1 to 4 nodes."""

START_S = 15.0
"""Until the first actors have an artifact open: assumed, not measured yet."""

AWAY_S = 120.0
"""How long a machine that failed is missed."""

_MOST_BLOCKS = 40_000  # that are simulated one by one; of more, several go together


@dataclass(frozen=True)
class FleetJob:
    """`pictures` of `megapixels` each; `megabytes` of a picture through the store."""

    pictures: float
    megapixels: float
    megabytes: float = 0.0


@dataclass(frozen=True)
class World:
    """`actors` of a machine; `bandwidth` of the store in MB/s, None: no bound; `failures` of a machine in an hour."""

    actors: int = 1
    bandwidth: float | None = None
    failures: float = 0.0
    dispatch_s: float = DISPATCH_S
    start_s: float = START_S
    away_s: float = AWAY_S


@dataclass(frozen=True)
class Course:
    """How one simulated run went: `hours` until the last picture; `busy`: share of the actors' time that computed what
    counted; `driver` and `store`: shares of the time that those two were busy; `again`: pictures begun anew after a
    failure."""

    hours: float
    busy: float
    driver: float
    store: float
    again: int


def simulate(samples: JobSamples, job: FleetJob, world: World, machines: int, seed: int) -> Course:
    """One run. Machines differ as the measured ones do, pictures as theirs did."""
    random = np.random.default_rng(seed)
    actors = machines * world.actors
    blocks = min(blocks_of(math.ceil(job.pictures), actors), _MOST_BLOCKS)
    each = job.pictures / blocks
    pace = _paces(samples, machines, random)
    spread = _spreads(samples, each, blocks, random)
    compute = samples.mean * job.megapixels * each
    moving = 0.0 if world.bandwidth is None else job.megabytes * each / world.bandwidth
    failing = _Failures(machines, world.failures, random)
    free = [(world.start_s, actor) for actor in range(actors)]
    left = deque(compute * spread)  # seconds of a machine of mean pace; of each block what is not done yet
    driver = store = end = useful = 0.0
    handed = again = 0
    while left:
        at, actor = heapq.heappop(free)
        machine = actor // world.actors
        begin = driver = max(at, driver) + world.dispatch_s
        handed += 1
        store = max(store, begin) + moving
        work = left.popleft()
        finish = max(begin + work * pace[machine], store)
        failed = failing.within(machine, begin, finish)
        if failed is None:
            useful, end = useful + work * pace[machine], max(end, finish)
            heapq.heappush(free, (finish, actor))
            continue
        # What was finished lies in the store already: the picture that was being computed is begun anew.
        again += 1
        useful += failed - begin
        left.append(max(work - (failed - begin) / pace[machine], 0.0) + compute / each / 2)
        heapq.heappush(free, (failed + world.away_s, actor))
    return Course(end / 3600, useful / (end * actors), handed * world.dispatch_s / end, handed * moving / end, again)


def _paces(samples: JobSamples, machines: int, random: np.random.Generator) -> np.ndarray:
    """Of each machine, drawn from the means of the measured ones; 1 is their mean."""
    means = np.array([np.mean(some) for some in samples.seconds.values()]) / samples.mean
    return random.choice(means, machines)


def _spreads(samples: JobSamples, each: float, blocks: int, random: np.random.Generator) -> np.ndarray:
    """Of each block: the mean of as many drawn pictures, by the law of large numbers where there are many."""
    ones = np.concatenate([np.array(some) / np.mean(some) for some in samples.seconds.values()])
    drawn = 1 + (random.choice(ones, (blocks, 8)).mean(axis=1) - 1) * np.sqrt(8 / max(each, 8.0))
    return random.choice(ones, blocks) if each < 8 else np.maximum(drawn, 0.05)


class _Failures:
    """When each machine fails, drawn as it is asked for."""

    def __init__(self, machines: int, per_hour: float, random: np.random.Generator) -> None:
        self._mean_s = 3600 / per_hour if per_hour else None
        self._random = random
        self._times: list[list[float]] = [[] for _ in range(machines)]

    def within(self, machine: int, begin: float, end: float) -> float | None:
        """The first failure of a machine in a span of time."""
        if self._mean_s is None:
            return None
        times = self._times[machine]
        while not times or times[-1] < end:
            times.append((times[-1] if times else 0.0) + float(self._random.exponential(self._mean_s)))
        found = times[bisect.bisect_left(times, begin)]
        return found if found < end else None
