"""Which lowering a target gets: the documented default, the one that was given, or the fastest on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.network.model import DLGSANet
from dlgsanet.storage.json_text import parse
from dlgsanet.storage.shelf import Files, KeptEntries, key_of
from export.backends.registry import backend_of, timed_tools
from export.machine.candidate_runner import medians
from export.machine.fingerprint import fingerprint
from export.targets.row import LOWERINGS, UNFOLD
from export.targets.table import Target
from runtimes.bundle.artifact_facts import FormChoice

CANDIDATES = tuple(name for name in LOWERINGS if name != UNFOLD)  # the naive form never wins, and takes long
RUNS = 9
_KIND, _FILE = "forms", "times.json"


@dataclass(frozen=True)
class Tuner:
    """Times the candidate lowerings of a target; `shelf` keeps the times.

    What was measured is reused for the same graphs, machine, threads and versions only.
    """

    model: DLGSANet
    shelf: KeptEntries
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
        key = key_of(json.dumps([target.row.name, here], sort_keys=True), *(graph.data for graph in graphs.values()))
        ms = _cached(self.shelf.recall(_KIND, key), self.candidates)
        if ms is None:
            try:
                ms = medians(time_graphs(graphs, target, self.model.scale, runs=RUNS, say=self.say))
            except UnavailableError as error:
                return FormChoice(target.row.lowering, "default", reason=f"not tuned: {error}")
            self.shelf.keep(_KIND, key, {_FILE: json.dumps(ms).encode()})
        self.say(f"{target.row.name}: " + ", ".join(f"{name} {value:.1f} ms" for name, value in ms.items()))
        return FormChoice(next(iter(ms)), "measured", ms, here)


def default_choice(target: Target) -> FormChoice:
    """The documented default of the target's row."""
    return FormChoice(target.row.lowering, "default", reason="docs/studies/lowerings.md")


def _cached(kept: Files | None, candidates: Sequence[str]) -> dict[str, float] | None:
    """The times in a kept entry; None where there is none or it is not one of these candidates."""
    if kept is None:
        return None
    try:
        found = parse(kept.get(_FILE, b""), "times of lowerings", "")
    except InputError:
        return None
    if not isinstance(found, dict) or set(found) != set(candidates):
        return None
    times = {name: value for name, value in found.items() if isinstance(value, float) and value > 0}
    return dict(sorted(times.items(), key=lambda item: item[1])) if len(times) == len(found) else None
