"""INT8 of one export: each graph is calibrated once for all its targets, and its layers are the default or searched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlgsanet.errors import UnavailableError
from export.graph.graph import Graph
from export.machine.journal import kept_journal
from export.machine.kept import NOTHING, Kept
from export.quantization.calibrated_graph import CALIBRATED, Calibrated, Quantization, Quantizer, calibrate
from export.quantization.calibration_tiles import CalibrationSet
from export.quantization.layer_choice.by_loss import layers_by_loss
from export.quantization.layer_choice.on_drawn_tiles import DrawnYardstick, Held, held_on_drawn_tiles
from export.quantization.layer_choice.search import Search, SearchLimits
from export.quantization.layer_choice.sensitivity import CandidateOpener, StandIn, yardstick
from export.targets.table import Target
from runtimes.bundle.int8_choice import DefaultLayers, Int8Choice, SearchedLayers

_BY_NAME = "see docs/studies/precision.md; --search measures them"
_KIND = "calibrations"


@dataclass(frozen=True)
class Int8:
    """`folder` holds calibrated graphs and what searches measured while an export runs; `kept` has those of others, by
    graph, tiles, machine and versions. `limits`: search for layers that hold them; None: the default layers.
    `machine`: what a time depends on (`export.machine.fingerprint`).
    """

    folder: Path
    limits: SearchLimits | None
    say: Callable[[str], None]
    machine: Mapping[str, object]
    kept: Kept = NOTHING

    def quantization(
        self,
        target: Target,
        scale: int,
        quantizer: Quantizer,
        graph: Graph,
        learnt: CalibrationSet,
        not_timed: str = "",
        known: bool = True,
        stand_in: Target | None = None,
    ) -> tuple[Quantization, Int8Choice]:
        """Which layers of a graph become INT8, and how they were chosen, for the manifest. `not_timed`: why none can
        be timed here, and `stand_in` what holds them against the drawn tiles then; `known`: layers are known by their
        names, else the loss of each is measured.

        Raises InputError (a layer's values are not finite), BackendError (calibration failed), GateError (no choice
        holds the limits).
        """
        name = f"int8-{quantizer.name}-{self._key(graph, learnt)}"
        calibrated = self._calibrated(self.folder / name, name, quantizer, graph, learnt)
        place = self.kept.journals(name) or calibrated.source.parent
        if not_timed:
            by_name = self.limits is None and known
            found = _default(calibrated, _BY_NAME if by_name else f"not searched: {not_timed}")
            held = stand_in and self._held(target, found, StandIn(calibrated.maker(), stand_in, scale), place)
            return Quantization(calibrated, (held or found).layers, small_rest=known), held or found
        choice = self._choice(CandidateOpener(calibrated.maker(), target, scale), calibrated, learnt, place, known)
        return Quantization(calibrated, choice.layers, small_rest=known), choice

    def _calibrated(
        self, place: Path, name: str, quantizer: Quantizer, graph: Graph, learnt: CalibrationSet
    ) -> Calibrated:
        """From this export, from an earlier one, or learnt now."""
        made = place / CALIBRATED
        if not made.is_dir() and (found := self.kept.recall(_KIND, (name,))) is not None:
            self.say(f"calibrated before: {quantizer.name}")
            made.mkdir(parents=True)
            for file, data in found.items():
                (made / file).write_bytes(data)
        known = made.is_dir()
        calibrated = calibrate(place, quantizer, graph, learnt.tiles, self.say)
        if not known:
            self.kept.keep(_KIND, (name,), {path.name: path.read_bytes() for path in sorted(made.iterdir())})
        return calibrated

    def _choice(
        self, bench: CandidateOpener, calibrated: Calibrated, learnt: CalibrationSet, place: Path, known: bool
    ) -> Int8Choice:
        try:
            if self.limits is not None:
                return self._searched(bench, learnt, place, self.limits)
            found = _default(calibrated, _BY_NAME) if known else self._by_loss(bench, learnt, place)
        except UnavailableError as error:
            self.say(f"{bench.target.row.name}: default layers, not searched: {error}")
            return _default(calibrated, f"not searched: {error}")
        return self._held(bench.target, found, bench, place)

    def _held(self, target: Target, found: DefaultLayers, bench: CandidateOpener, place: Path) -> DefaultLayers:
        """The choice without the layers that a drawn tile shows."""
        held = self._holding(bench, place)(found.layers)
        if not held.told:
            return found
        self.say(f"{target.row.name}: {held.told}")
        return DefaultLayers(held.layers, found.how, f"{found.reason}; {held.told}")

    def _holding(self, bench: CandidateOpener, place: Path) -> Callable[[Sequence[str]], Held]:
        """Takes from a choice of layers what moves a drawn tile too far, where that can be measured here. What is
        measured belongs to a backend: another one's kernels round otherwise, even with the same ranges."""
        measure, journal = DrawnYardstick(bench), kept_journal(place / f"drawn-{bench.target.backend}.jsonl")

        def held(layers: Sequence[str]) -> Held:
            try:
                return held_on_drawn_tiles(measure, layers, journal, self.say)
            except UnavailableError as error:
                return Held(tuple(layers), f"not held against the drawn tiles: {error}")

        return held

    def _by_loss(self, bench: CandidateOpener, learnt: CalibrationSet, place: Path) -> DefaultLayers:
        bench.require_device(())
        losses = kept_journal(place / "losses.jsonl")
        return layers_by_loss(bench, yardstick(bench, learnt.mirrored), losses, self.say)

    def _searched(
        self, bench: CandidateOpener, learnt: CalibrationSet, place: Path, limits: SearchLimits
    ) -> SearchedLayers:
        target = bench.target
        bench.require_device(bench.maker.default)
        journals = kept_journal(place / "losses.jsonl"), kept_journal(place / f"{target.precision}.jsonl")
        search = Search(
            bench, yardstick(bench, learnt.mirrored), *journals, limits, self._holding(bench, place), self.say
        )
        found = search.run(self.machine)
        best = found.best
        self.say(
            f"{target.row.name}: {len(best.layers)} INT8 layers ({best.name}), {best.ms:.2f} ms against "
            f"{found.float_ms:.2f} without INT8, {best.loss.drop_db:.4f} dB lost"
        )
        return found.told

    def _key(self, graph: Graph, learnt: CalibrationSet) -> str:
        digest = hashlib.sha256(json.dumps(dict(self.machine), sort_keys=True).encode())
        digest.update(hashlib.sha256(graph.data).digest() + learnt.sha256.encode())
        for pair in learnt.mirrored:
            digest.update(hashlib.sha256(pair.lr.tobytes() + pair.hr.tobytes()).digest())
        return digest.hexdigest()[:24]


def _default(calibrated: Calibrated, reason: str) -> DefaultLayers:
    return DefaultLayers(tuple(sorted(calibrated.maker().default)), "default", reason)
