"""Which lowering a target gets: the documented default, the one that was given, or the fastest on this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.network.model import DLGSANet
from dlgsanet.storage.atomic import write_text
from dlgsanet.storage.json_text import read
from export.backends.registry import backend_of, timed_tools
from export.machine.candidate_runner import medians
from export.machine.fingerprint import fingerprint
from export.targets.row import LOWERINGS, UNFOLD
from export.targets.table import Target
from runtimes.bundle.artifact_facts import FormChoice

CANDIDATES = tuple(name for name in LOWERINGS if name != UNFOLD)  # the naive form never wins, and takes long
RUNS = 9
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Tuner:
    """Times the candidate lowerings of a target; `cache` (a folder, None: no cache) keeps the times.

    What was measured is reused for the same graphs, machine, threads and versions only.
    """

    model: DLGSANet
    cache: Path | None
    say: Callable[[str], None]
    candidates: tuple[str, ...] = CANDIDATES

    def __call__(self, target: Target) -> FormChoice:
        """The fastest candidate; the default, with the reason, where the target cannot run here."""
        from export.tuning.lowering_trials import Variant, build_graph, time_graphs

        if not self.model.config.dynamic:
            return FormChoice(target.row.lowering, "default", reason="the network's filters are static")
        if target.row.calibrated:
            return FormChoice(target.row.lowering, "default", reason="not tuned: INT8 graphs are calibrated one by one")
        if reason := backend_of(target.backend).not_timed:
            return FormChoice(target.row.lowering, "default", reason=f"not tuned: {reason}")
        graphs = {name: build_graph(self.model, target, Variant(name, name)) for name in self.candidates}
        here = fingerprint(timed_tools())
        place = self._place(target, [graph.data for graph in graphs.values()], here)
        ms = _cached(place, self.candidates)
        if ms is None:
            try:
                ms = medians(time_graphs(graphs, target, self.model.scale, runs=RUNS, say=self.say))
            except UnavailableError as error:
                return FormChoice(target.row.lowering, "default", reason=f"not tuned: {error}")
            if place is not None:
                place.parent.mkdir(parents=True, exist_ok=True)
                write_text(place, json.dumps(ms) + "\n")
        self.say(f"{target.row.name}: " + ", ".join(f"{name} {value:.1f} ms" for name, value in ms.items()))
        return FormChoice(next(iter(ms)), "measured", ms, here)

    def _place(self, target: Target, graphs: Sequence[bytes], here: Mapping[str, object]) -> Path | None:
        if self.cache is None:
            return None
        digest = hashlib.sha256(json.dumps([target.row.name, here], sort_keys=True).encode())
        for graph in graphs:
            digest.update(hashlib.sha256(graph).digest())
        return self.cache / f"tuned-{digest.hexdigest()[:24]}.json"


def default_choice(target: Target) -> FormChoice:
    """The documented default of the target's row."""
    return FormChoice(target.row.lowering, "default", reason="docs/studies/lowerings.md")


def _cached(place: Path | None, candidates: Sequence[str]) -> dict[str, float] | None:
    """The times in a cache file; None where there is none or it is not one of ours."""
    if place is None:
        return None
    try:
        found = read(place, _MOST_BYTES, "times of lowerings", "")
    except InputError:
        return None
    if not isinstance(found, dict) or set(found) != set(candidates):
        return None
    times = {name: value for name, value in found.items() if isinstance(value, float) and value > 0}
    return dict(sorted(times.items(), key=lambda item: item[1])) if len(times) == len(found) else None
