"""What a choice of INT8 layers does to the drawn tiles, and which layers leave it where that would be seen.

What layers move a tile by adds up, nearly, so that those that do it are found by halving.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from dlgsanet.errors import UnavailableError
from export.machine.journal import Journal
from export.quantization.layer_choice.drawn_tiles import PAGE_DB, DrawnTile, Moved, drawn_tiles
from export.quantization.layer_choice.sensitivity import CandidateOpener, Say
from export.quantization.layers import units
from runtimes.backends.registry import spoilt_here
from runtimes.runner.fidelity.probes import PROBES
from runtimes.runner.tiling import Array

AT_MOST = 2.0
"""Where no choice holds, one that moves a probe tile at most so many times as far as is allowed is taken: what `check`
allows."""

AT_ONCE = 8
"""One of so many layers may leave before all others are run again: what they move adds up nearly, not exactly. For
pages no more leave at all: where few layers do not make most of a page's error, INT8 itself does."""

FAINT = 0.05
"""What a layer must move the worst tile by itself, in shares of what is allowed, to leave."""


@dataclass(frozen=True)
class Held:
    """What stays of a choice of layers. `told`: how many left, or why none did, for the manifest and the terminal;
    empty where all is well."""

    layers: tuple[str, ...]
    told: str = ""


@dataclass(frozen=True)
class DrawnYardstick:
    """By which candidates are measured, fp32 beside their layers: the float graph, which is run once it is needed.
    `page_db`: what pages keep to it at least."""

    bench: CandidateOpener
    page_db: float = PAGE_DB

    @property
    def tiles(self) -> Mapping[str, DrawnTile]:
        """What it measures on."""
        return drawn_tiles(self.bench.target.tile, self.bench.scale, self.page_db)

    @cached_property
    def answers(self) -> Mapping[str, Array]:
        """Of the float graph on them. Raises UnavailableError where the engine is missing or the processor spoils
        INT8."""
        target = self.bench.target
        if spoilt := spoilt_here(target.backend, target.precision):
            raise UnavailableError(spoilt)
        with tempfile.TemporaryDirectory() as folder, self.bench.open(Path(folder), (), exact=True) as run:
            return {name: run.infer(tile.lr) for name, tile in self.tiles.items()}

    def moved(self, layers: Collection[str], only: str = "") -> dict[str, Moved]:
        """By these layers, on each tile, or on one. Raises OutputError for an output that no working engine gives, and
        UnavailableError as `answers`."""
        answers = self.answers
        with tempfile.TemporaryDirectory() as folder, self.bench.open(Path(folder), layers, exact=True) as run:
            tiles = {only: self.tiles[only]} if only else self.tiles
            return {name: tile.moved(run.infer(tile.lr), answers[name]) for name, tile in tiles.items()}


def held_on_drawn_tiles(measure: DrawnYardstick, layers: Sequence[str], journal: Journal, say: Say) -> Held:
    """Those of `layers` with which no tile moves farther than is allowed: first no probe tile, then no page, for which
    at most one in AT_ONCE leaves.

    Where no layer moves the worst probe tile by itself, or the rest would be too few to call the network INT8, those
    with which it moves no farther than `check` allows, else all of them. Where a page moves farther in the end, it is
    told. Where all together hold, nothing more is measured, and nothing is run that `journal` knows. Raises
    OutputError, and UnavailableError as `DrawnYardstick.answers`."""
    parts, staying = units(layers), tuple(layers)
    for_pages = _share_of(parts)
    worst = first = _together(staying, measure, journal)
    while worst.share > 1 and (for_pages or not worst.is_page):
        most = for_pages if worst.is_page else _share_of(parts)
        leaving = _those_that_leave(worst, parts, most, measure, journal, say)
        rest = {unit: names for unit, names in parts.items() if unit not in leaving}
        fewer = _layers(rest, rest)
        if not leaving or not _named(fewer, measure.bench, journal):
            if worst.is_page:
                break
            return _where_none_hold(layers, staying, first, worst)
        for_pages -= len(leaving) if worst.is_page else 0
        parts, staying, worst = rest, fewer, _together(fewer, measure, journal)
        say(f"{len(staying)} of {len(layers)} layers: {worst.tile} moves by {worst.share:.2f} of what is allowed")
    beyond = f"{worst.tile} moves by {worst.share:.1f} times what is allowed" if worst.share > 1 else ""
    return Held(staying, ", and ".join(filter(None, [_left(layers, staying), beyond])))


@dataclass(frozen=True)
class _Worst:
    """The tile, and which of its figures, that move most, and by what, signed."""

    tile: str
    figure: int
    moved: float

    @property
    def share(self) -> float:
        return abs(self.moved)

    @property
    def is_page(self) -> bool:
        return self.tile not in PROBES

    @classmethod
    def of(cls, moved: Mapping[str, Moved]) -> _Worst:
        """A page is the worst only where no probe tile moves too far."""
        figures = [cls(tile, place, it) for tile, its in moved.items() for place, it in enumerate(its)]
        return max(figures, key=lambda one: (one.share > 1 and not one.is_page, one.share, one.tile))


def _where_none_hold(layers: Sequence[str], staying: tuple[str, ...], first: _Worst, worst: _Worst) -> Held:
    if (left := _left(layers, staying)) and worst.share <= AT_MOST:
        return Held(staying, f"{left}, and {worst.tile} moves by {worst.share:.1f} times what is allowed")
    told = f"{first.tile} moves by {first.share:.1f} times what is allowed, and too few layers move it less"
    return Held(tuple(layers), told)


def _left(layers: Sequence[str], staying: Sequence[str]) -> str:
    left = len(layers) - len(staying)
    return f"{left} more stay for what they do to the drawn tiles" if left else ""


def _together(layers: Sequence[str], measure: DrawnYardstick, journal: Journal) -> _Worst:
    return _Worst.of(journal.once(_key("all", layers), lambda: measure.moved(layers)))


def _named(layers: Sequence[str], bench: CandidateOpener, journal: Journal) -> bool:
    """Whether the engine calls it INT8: that depends on the precision, which the rest of the journal does not."""
    return journal.once(_key(f"named {bench.target.precision}", layers), lambda: bench.named(layers))


def _key(tile: str, layers: Sequence[str]) -> str:
    return f"{tile} {hashlib.sha256(chr(10).join(layers).encode()).hexdigest()[:16]}"


def _share_of(parts: Collection[str]) -> int:
    return max(1, len(parts) // AT_ONCE)


def _those_that_leave(
    worst: _Worst, parts: Mapping[str, Sequence[str]], most: int, measure: DrawnYardstick, journal: Journal, say: Say
) -> list[str]:
    """The units without which the worst tile holds if what each moves it by adds up; at most `most`. They are
    measured beside floats: beside others that move it, too, one may make good what another spoils."""
    sign = 1 if worst.moved > 0 else -1

    def ask(some: Sequence[str]) -> float:
        layers = _layers(parts, some)
        found = journal.once(_key(worst.tile, layers), lambda: measure.moved(layers, worst.tile)[worst.tile])
        say(f"{len(some)} layers move {worst.tile} by {sign * found[worst.figure]:.2f} of what is allowed")
        return sign * found[worst.figure]

    sums, left = Halving(tuple(parts), ask), list[str]()
    moves = worst.share
    while moves > 1 and len(left) < most:
        unit, alone = sums.take_largest()
        if alone < FAINT:
            break
        left.append(unit)
        moves -= alone
    return left


@dataclass
class Halving:
    """Numbers of `names` of which only sums can be asked for."""

    names: tuple[str, ...]
    ask: Callable[[Sequence[str]], float]
    _sums: dict[range, float] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)

    def take_largest(self) -> tuple[str, float]:
        """A name whose number is large, and the number: of two halves always the one with the larger sum is looked
        into. Raises ValueError where all are taken."""
        path = [range(len(self.names))]
        while len(path[-1]) > 1 or not path[1:]:
            here = path[-1]
            halves = [half for half in (here[: len(here) // 2], here[len(here) // 2 :]) if self._left(half)]
            path.append(max(halves, key=self._sum))
        name, number = self.names[path[-1][0]], self._sum(path[-1])
        for group in path[1:]:
            self._sums[group] -= number
        self._taken.add(name)
        return name, number

    def _left(self, group: range) -> list[str]:
        return [self.names[place] for place in group if self.names[place] not in self._taken]

    def _sum(self, group: range) -> float:
        if group not in self._sums:
            self._sums[group] = self.ask(self._left(group))
        return self._sums[group]


def _layers(parts: Mapping[str, Sequence[str]], some: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted(name for unit in some for name in parts[unit]))
