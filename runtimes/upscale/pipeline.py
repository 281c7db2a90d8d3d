"""Reading, computing and writing at the same time: the engine waits for the first picture alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias

from dlgsanet.errors import InputError
from dlgsanet.imaging.decode import Samples
from dlgsanet.imaging.pixels import Pixels
from runtimes.machine.ahead import ahead, behind
from runtimes.upscale.plan import PictureJob

_READ_AHEAD = 1  # pictures that wait, beside the one that is being read
_ROWS_BEHIND = 2  # rows of tiles that wait, beside those that are being written


class Stages(Protocol):
    """What is done to each picture; `compute` runs in the calling thread, the others in threads of their own."""

    def read(self, job: PictureJob) -> Samples: ...
    def compute(self, job: PictureJob, samples: Samples) -> Iterator[Pixels]: ...
    def write(self, job: PictureJob, samples: Samples, rows: Iterator[Pixels]) -> None: ...


@dataclass(frozen=True)
class _Begun:
    """A picture whose rows follow."""

    job: PictureJob
    samples: Samples


class _Mark(Enum):
    """What stands behind the rows of a picture: all are there, or no more will come."""

    END = 1
    CUT = 2


class _CutError(Exception):
    """The rows of a picture end before the picture."""


_Item: TypeAlias = _Begun | Pixels | _Mark


def pipelined(
    jobs: Sequence[PictureJob], stages: Stages, excuse: Callable[[PictureJob, InputError], None]
) -> list[PictureJob]:
    """Take every picture through the stages, and return those that were written.

    `excuse` is given what reading and writing raise of InputErrors, and raises, or lets the next picture follow. A
    picture whose rows were all computed is written also when this ends early; one whose were not leaves nothing.
    """
    done: list[PictureJob] = []

    def write(items: Iterator[_Item]) -> None:
        for item in items:
            if isinstance(item, _Begun):
                rows = _rows(items)
                try:
                    stages.write(item.job, item.samples, rows)
                    done.append(item.job)
                except _CutError:
                    return
                except InputError as error:
                    excuse(item.job, error)
                    for _ in rows:  # they come all the same
                        pass

    cut: _Item = _Mark.CUT
    with behind(write, _ROWS_BEHIND, cut) as put, ahead(lambda: _read(jobs, stages), _READ_AHEAD) as inputs:
        for job, found in inputs:
            if isinstance(found, InputError):
                excuse(job, found)
                continue
            put(_Begun(job, found))
            for rows in stages.compute(job, found):
                put(rows)
            put(_Mark.END)
    return done


def _read(jobs: Sequence[PictureJob], stages: Stages) -> Iterator[tuple[PictureJob, Samples | InputError]]:
    for job in jobs:
        try:
            found: Samples | InputError = stages.read(job)
        except InputError as error:
            found = error
        yield job, found


def _rows(items: Iterator[_Item]) -> Iterator[Pixels]:
    """The items up to the next mark, which are all rows."""
    for item in items:
        if item is _Mark.END:
            return
        if isinstance(item, _Mark | _Begun):
            raise _CutError
        yield item
