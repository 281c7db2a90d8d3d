"""A film by many: each actor computes some of its segments, and whoever finds all of them there joins them.

Segments lie in the target store, in a hidden folder beside the result, until then. Nobody needs to know how many there
are: whoever meets the film's end leaves a mark that says so.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dlgsanet.storage import typed_json
from runtimes.runner.contract import Runner
from runtimes.upscale.fleet.items import FleetItem
from runtimes.upscale.fleet.store import Store, parts_folder
from runtimes.upscale.video.plan import VideoPlan
from runtimes.upscale.video.run import choose_tile, compute_segments, join_segments, made_of
from runtimes.upscale.video.segments import CodedFrame, Workplace

_MARK = re.compile(r"(\d{6,})\.(segment|end)")


@dataclass(frozen=True)
class SegmentsThere:
    """Numbers of the segments that are there, and how many there are in all as far as anybody met the end."""

    numbers: frozenset[int]
    end: int | None

    @property
    def whole(self) -> bool:
        """Whether all are there."""
        return self.end is not None and self.numbers.issuperset(range(self.end))

    def gaps(self, first: int, until: int | None) -> Iterator[tuple[int, int | None]]:
        """What is missing from a number to before another (None: to the film's end), as bounds of the same kind."""
        if until is None and self.end is None:
            while first in self.numbers:
                first += 1
            yield first, None
            return
        last = min(end for end in (until, self.end) if end is not None)
        begun: int | None = None
        for number in range(first, last + 1):
            if number < last and number not in self.numbers:
                begun = number if begun is None else begun
            elif begun is not None:
                yield begun, number
                begun = None


@dataclass(frozen=True)
class SharedSegments:
    """The segments of a film in `folder` of the store; here, in `place`, those that this actor made or fetched."""

    store: Store
    folder: str
    place: Workplace

    def finished(self) -> SegmentsThere:
        """What is there now, by all actors."""
        marks = [found for name in self.store.names(self.folder) if (found := _MARK.fullmatch(name))]
        numbers = frozenset(int(mark[1]) for mark in marks if mark[2] == "segment")
        ends = [int(mark[1]) for mark in marks if mark[2] == "end"]  # who found nothing more says too much
        return SegmentsThere(numbers, min(ends, default=None))

    def write(self, number: int, packets: Sequence[CodedFrame]) -> None:
        """Keep a segment where all find it, so that nobody computes it again."""
        self.place.write(number, packets)
        self.store.put(self.place.path(number), self._name(number))

    def mark_end(self, number: int) -> None:
        """The film has no more than so many segments."""
        empty = self.place.folder / f"{number:06d}.end"
        empty.touch()
        self.store.put(empty, f"{self.folder}/{empty.name}")

    def fetch(self, count: int) -> None:
        """Get the first `count` that are not here yet."""
        for number in range(count):
            if not self.place.path(number).is_file():
                self.store.fetch(self._name(number), self.place.path(number))

    def _name(self, number: int) -> str:
        return f"{self.folder}/{self.place.path(number).name}"


def do_piece(plan: VideoPlan, run: Runner, store: Store, item: FleetItem) -> tuple[int, bool]:
    """Compute what is missing of a piece, and join the film into the plan's target where this was the last of it.

    How many frames were computed, and whether the film is there. Segments count only where they are made of the same
    film by the same artifact, options and versions: their folder is named by a hash of all that.
    """
    digest = hashlib.sha256(typed_json.encode(made_of(plan, run.info, choose_tile(plan, run))).encode()).hexdigest()
    plan.place.folder.mkdir()
    shared = SharedSegments(store, f"{parts_folder(item.target)}/{digest[:16]}", plan.place)
    frames = _compute(plan, run, shared, _bounds(plan, item))
    finished = shared.finished()
    if finished.end is None or not finished.whole:
        return frames, False
    shared.fetch(finished.end)
    join_segments(plan)
    return frames, True


def _compute(plan: VideoPlan, run: Runner, shared: SharedSegments, bounds: tuple[int, int | None]) -> int:
    every, frames = plan.coding.key_every, 0
    for first, until in shared.finished().gaps(*bounds):
        found = compute_segments(plan, run, (first, until), shared)
        frames += found
        if until is None or found < (until - first) * every:
            shared.mark_end(first + -(-found // every))
            break
    return frames


def _bounds(plan: VideoPlan, item: FleetItem) -> tuple[int, int | None]:
    """A piece's segments, by how long the file says that it is; what is more belongs to the last piece."""
    frames = plan.clip.about(plan.part.start, plan.part.length) or 0
    segments = -(-frames // plan.coding.key_every)
    first = item.piece * segments // item.pieces
    return first, None if item.piece == item.pieces - 1 else (item.piece + 1) * segments // item.pieces
