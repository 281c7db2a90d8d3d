"""Which layers become INT8, by measuring on this machine: `dlgsanet export --precision int8-mixed --search`.

1. Each layer's loss by itself (`export.quantization.layer_choice.sensitivity`).
2. Each role's time by itself (all layers that do the same in their blocks: one layer's gain drowns in noise).
3. Greedy: roles join in the order of what they gain; where the picture then loses more than the limits, the most
   sensitive layers of the role that joined stay out.
4. All sets met on the way, the documented default among them, without what moves a drawn tile too far
   (`export.quantization.layer_choice.on_drawn_tiles`), are timed in the same rounds; of those that are as fast as the
   fastest, the one that loses least is taken.

A set counts only if the engine calls it what the artifact will be called: most dense convolutions in INT8.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from dlgsanet.errors import GateError
from export.machine.candidate_runner import timed
from export.machine.journal import Journal
from export.quantization.layer_choice.on_drawn_tiles import Held
from export.quantization.layer_choice.sensitivity import CandidateOpener, Loss, Yardstick, scan
from export.quantization.layers import is_end, role, units
from export.quantization.options import MAX_DROP_DB
from runtimes.bundle import int8_choice
from runtimes.bundle.int8_choice import LayerLoss, SearchedLayers
from runtimes.machine.clock import time_interleaved

RUNS, WARMUP = 25, 3
SAME = 1.01  # times that differ by less are the same: medians of so few rounds tell no more
FLOAT, DEFAULT = "none", "default"

Chosen = tuple[str, ...]


@dataclass(frozen=True)
class SearchLimits:
    """What INT8 may lose against HR to the float graph: PSNR in dB (mean, worst tile), SSIM (mean)."""

    mean_db: float = MAX_DROP_DB
    worst_db: float = 0.13
    ssim: float = 0.0019

    def hold(self, loss: Loss) -> bool:
        """Sizes are judged, as in the gates: an unexplained gain is suspect too."""
        within = (abs(loss.drop_db) <= self.mean_db, abs(loss.drop_worst_db) <= self.worst_db)
        return all(within) and abs(loss.ssim_drop) <= self.ssim


@dataclass(frozen=True)
class MeasuredSet:
    """One set of layers: its median time, and what it loses, both as the target runs it."""

    name: str
    layers: Chosen
    ms: float
    loss: Loss

    @property
    def told(self) -> int8_choice.Candidate:
        """For the manifest."""
        return int8_choice.Candidate(self.name, len(self.layers), self.ms, **asdict(self.loss))


@dataclass(frozen=True)
class Found:
    """What a search ends with; `float_ms` is the same graph with no layer in INT8, in the same rounds.

    `gains`: ms that each role saves by itself, `losses`: of each layer by itself.
    """

    best: MeasuredSet
    candidates: tuple[MeasuredSet, ...]
    float_ms: float
    gains: Mapping[str, float]
    losses: Mapping[str, Loss]
    limits: SearchLimits
    tiles: int
    machine: Mapping[str, object] = field(default_factory=dict)

    @property
    def told(self) -> SearchedLayers:
        """For the manifest."""
        count = Counter(role(unit) for unit in self.losses)
        gained = {unit: self.gains[role(unit)] / count[role(unit)] for unit in self.losses}
        return SearchedLayers(
            layers=self.best.layers,
            how="searched",
            chosen=self.best.name,
            limits=asdict(self.limits),
            judged_on=f"{self.tiles} tiles of the calibration images, mirrored",
            float_ms=self.float_ms,
            candidates=tuple(candidate.told for candidate in self.candidates),
            roles_ms_gained=self.gains,
            layers_measured={
                unit: LayerLoss(role(unit), **asdict(loss), ms_gained=gained[unit])
                for unit, loss in self.losses.items()
            },
            machine=self.machine,
        )


def fastest(candidates: Sequence[MeasuredSet], limits: SearchLimits) -> MeasuredSet:
    """The fastest that holds the limits; of several that are as fast, the one that loses least. GateError: none."""
    held = [candidate for candidate in candidates if limits.hold(candidate.loss)]
    if not held:
        raise GateError(
            f"no choice of INT8 layers holds {limits.mean_db:g} dB on the mean and {limits.worst_db:g} dB on the worst "
            "tile: give a larger --max-drop or export 16 bit"
        )
    least = min(candidate.ms for candidate in held)
    return min((it for it in held if it.ms <= SAME * least), key=lambda candidate: candidate.loss.squared_error)


@dataclass
class Search:
    """One search. Everything it measures is in a journal and is not measured again: the layers' `losses`, which all
    precisions of a backend share, and in `journal` the rest. `held` takes from a set what moves a drawn tile too far.
    """

    bench: CandidateOpener
    measure: Yardstick
    losses: Journal
    journal: Journal
    limits: SearchLimits
    held: Callable[[Chosen], Held]
    say: Callable[[str], None]

    def run(self, machine: Mapping[str, object]) -> Found:
        """Raises GateError when no set holds the limits, UnavailableError or BackendError as
        `export.tuning.lowering_trials`."""
        layers = self.bench.maker.layers
        parts = units(layers)
        losses = scan(self.bench, parts, self.measure, self.losses, self.say)
        roles: dict[str, list[str]] = {}
        for unit in parts:
            roles.setdefault(role(unit), []).append(unit)
        alone = {name: self._layers(parts, members) for name, members in roles.items()}
        self.say(f"timing {len(roles)} kinds of layers")
        times = self._times({FLOAT: (), **alone})
        gains = {name: round(times[FLOAT] - times[name], 3) for name in roles}
        sets = {DEFAULT: tuple(sorted(self.bench.maker.default)), **self._grow(roles, parts, gains, losses)}
        candidates, float_ms = self._judge({name: self.held(chosen).layers for name, chosen in sets.items()})
        best = fastest(candidates, self.limits)
        pairs = len(self.measure.pairs)
        return Found(best, candidates, float_ms, gains, losses, self.limits, pairs, machine)

    def _grow(
        self,
        roles: Mapping[str, Sequence[str]],
        parts: Mapping[str, Sequence[str]],
        gains: Mapping[str, float],
        losses: Mapping[str, Loss],
    ) -> dict[str, Chosen]:
        """Nested sets, roles joining by gain; all hold the limits. The ends stay as they are in 16-bit graphs."""
        found: dict[str, Chosen] = {}
        inside: list[str] = []
        for name in sorted(roles, key=lambda name: -gains[name]):
            inner = [unit for unit in roles[name] if not is_end(unit)]
            joining = sorted(inner, key=lambda unit: losses[unit].squared_error)
            while joining and not self.limits.hold(self._loss(self._layers(parts, [*inside, *joining]))):
                # One by one where few are left, by halves before: what joins is ordered by its loss.
                joining = joining[: len(joining) // 2 if len(joining) > 4 else len(joining) - 1]
            if joining:
                inside += joining
                found[f"+{name}"] = self._layers(parts, inside)
        return found

    def _judge(self, sets: Mapping[str, Chosen]) -> tuple[tuple[MeasuredSet, ...], float]:
        """Those that the engine calls by the target's name, fastest first, and the time with no INT8 at all."""
        named = {name: chosen for name, chosen in sets.items() if self._named(chosen)}
        self.say(f"timing {len(named)} choices of layers")
        times = self._times({FLOAT: (), **named})
        found = [MeasuredSet(name, chosen, times[name], self._loss(chosen)) for name, chosen in named.items()]
        return tuple(sorted(found, key=lambda candidate: candidate.ms)), times[FLOAT]

    def _layers(self, parts: Mapping[str, Sequence[str]], members: Sequence[str]) -> Chosen:
        return tuple(sorted(name for unit in members for name in parts[unit]))

    def _named(self, chosen: Chosen) -> bool:
        return self.journal.once(f"named {_digest(chosen)}", lambda: self.bench.named(chosen))

    def _loss(self, chosen: Chosen) -> Loss:
        def ask() -> dict[str, float]:
            self.say(f"judging {len(chosen)} INT8 layers on {len(self.measure.pairs)} tiles")
            with tempfile.TemporaryDirectory() as folder, self.bench.open(Path(folder), chosen) as run:
                return asdict(self.measure.loss(run))

        return Loss(**self.journal.once(f"set {_digest(chosen)}", ask))

    def _times(self, sets: Mapping[str, Chosen]) -> dict[str, float]:
        """Medians in ms, all in the same rounds."""

        def ask() -> dict[str, float]:
            with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
                tasks = {}
                for name, chosen in sets.items():
                    run = stack.enter_context(self.bench.open(Path(folder), chosen))
                    tasks[name] = timed(run, self.bench.target.tile, named=False)
                samples = time_interleaved(tasks, warmup=WARMUP, runs=RUNS)
            return {name: round(float(np.median(values)), 3) for name, values in samples.items()}

        key = _digest(tuple(f"{name} {_digest(chosen)}" for name, chosen in sets.items()))
        return dict(self.journal.once(f"times {key}", ask))


def _digest(names: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
