"""What was measured: seconds of a megapixel by one actor, machine by machine, and joules where they were told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from benchmarks.records.latency import JobRecord
from benchmarks.records.result_file import read_result
from dlgsanet.errors import InputError
from runtimes.upscale.fleet.record import DONE, read_record

RECORD = ".jsonl"


@dataclass(frozen=True)
class JobSamples:
    """`seconds`: of an input megapixel, by machine; `joules`: of one, the mean, None where no file tells; `artifacts`:
    what computed."""

    seconds: Mapping[str, tuple[float, ...]]
    joules: float | None
    artifacts: tuple[str, ...]

    @property
    def mean(self) -> float:
        """Seconds of a megapixel on a machine like these."""
        return fmean(fmean(some) for some in self.seconds.values())

    @property
    def count(self) -> int:
        """How many were measured, of pictures or of whole jobs."""
        return sum(map(len, self.seconds.values()))


def read_samples(paths: Sequence[Path]) -> JobSamples:
    """Of all files. Raises InputError for one that cannot be read, and where none has a sample."""
    seconds: dict[str, list[float]] = {}
    joules, artifacts = [], set()
    for path in paths:
        if path.suffix == RECORD:
            for outcome in read_record(path):
                if outcome.status == DONE and outcome.megapixels > 0:
                    seconds.setdefault(outcome.machine, []).append(outcome.seconds / outcome.megapixels)
                    artifacts.add(outcome.artifact)
            continue
        result = read_result(path)
        for job in result.of(JobRecord):
            seconds.setdefault(result.environment.machine, []).append(job.seconds / job.input_megapixels)
            joules += [] if job.joules is None else [job.joules / job.input_megapixels]
            artifacts.add(job.artifact)
    if not seconds:
        raise InputError(
            f"expected jobs of `bench --job --json` or files done by `upscale --ray` in {', '.join(map(str, paths))}, "
            "found none: measure one first"
        )
    per_machine = {machine: tuple(some) for machine, some in seconds.items()}
    return JobSamples(per_machine, fmean(joules) if joules else None, tuple(sorted(artifacts)))
