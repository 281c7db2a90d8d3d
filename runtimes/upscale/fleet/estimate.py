"""What all of it will take, from a sample that is really computed, and of which nothing is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev

from runtimes.upscale.fleet.items import FleetItem
from runtimes.upscale.fleet.record import FAILED, FileOutcome

SAMPLE = 12
"""Files of the sample, at equal distances."""


@dataclass(frozen=True)
class FleetEstimate:
    """Of `files` by `actors` at once: seconds of one file with the ends of its 95 % interval, and hours of all."""

    files: int
    actors: int
    sampled: int
    failed: int
    seconds: float
    seconds_low: float
    seconds_high: float
    hours: float
    hours_low: float
    hours_high: float

    def facts(self) -> dict[str, object]:
        """For programs."""
        return asdict(self)

    def line(self) -> str:
        """For people."""
        failed = f"; {self.failed} of the sample failed" if self.failed else ""
        return (
            f"{self.files} files on {self.actors} actors: about {_time(self.hours)} "
            f"({_time(self.hours_low)} to {_time(self.hours_high)}), by {self.sampled} files of {self.seconds:.2f} s "
            f"each{failed}"
        )


def sample(items: Sequence[FleetItem]) -> list[FleetItem]:
    """Some of the items, small and large ones by their bytes."""
    ordered = sorted(items, key=lambda item: item.size)
    if len(ordered) <= SAMPLE:
        return ordered
    return [ordered[round(i * (len(ordered) - 1) / (SAMPLE - 1))] for i in range(SAMPLE)]


def estimate(outcomes: Sequence[FileOutcome], files: int, actors: int) -> FleetEstimate:
    """By the sample's mean and its 95 % interval (normal; a dozen files)."""
    took = [one.seconds for one in outcomes if one.status != FAILED] or [0.0]
    mean = fmean(took)
    half = 1.96 * stdev(took) / math.sqrt(len(took)) if len(took) > 1 else 0.0
    low, high = max(0.0, mean - half), mean + half
    hours = [one * files / max(1, actors) / 3600 for one in (mean, low, high)]
    failed = sum(one.status == FAILED for one in outcomes)
    return FleetEstimate(files, actors, len(outcomes), failed, mean, low, high, *hours)


def _time(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.1f} min" if hours * 60 >= 1 else f"{hours * 3600:.0f} s"
