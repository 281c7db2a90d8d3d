"""Every pass left out and every lowering, timed together: `python -m benchmarks.studies.ablation_graphs` with a job on
its input.

The job and the answer are JSON (`benchmarks.studies.lowering_ablation` asks and adds what the figures depend on).
Nothing is proven here: the passes' proofs are their tests and the certificate of every export.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from dlgsanet.checkpoints import load_model
from dlgsanet.errors import BackendError, UnavailableError
from dlgsanet.network.model import DLGSANet
from export.backends.registry import graph_macs
from export.rewriting.passes.factor_filters import FACTOR_FILTERS
from export.rewriting.passes.mean_colour import FOLD_INPUT_MEAN
from export.rewriting.rewrite import passes_for
from export.targets.choice import parse_targets
from export.targets.table import LOWERINGS, Target
from export.tuning.lowering_trials import Variant, build_graph, time_graphs

ALL = "all passes"


def pass_variants(target: Target) -> tuple[Variant, ...]:
    """All passes of the target, and for each all but it (what needs it is then refused as well)."""
    idle = (FOLD_INPUT_MEAN, FACTOR_FILTERS)  # they do nothing here
    left_out = [step.name for step in passes_for(target) if step not in idle]
    lowering = target.row.lowering
    return (Variant(ALL, lowering), *(Variant(f"without {name}", lowering, (name,)) for name in left_out))


def lowering_variants(lowerings: Sequence[str] = LOWERINGS) -> tuple[Variant, ...]:
    """Every form of the dynamic convolution with all passes."""
    return tuple(Variant(name, name) for name in lowerings)


def measure(
    model: DLGSANet, target: Target, variants: Sequence[Variant], runs: int, threads: int | None
) -> list[dict[str, Any]]:
    """One row for each variant: nodes, multiply-adds and times in ms, or why there is no graph."""
    graphs: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    for variant in variants:
        row: dict[str, Any] = {"target": target.row.name, "variant": variant.name, "lowering": variant.lowering}
        try:
            graph = build_graph(model, target, variant)
        except BackendError as error:
            rows.append({**row, "reason": str(error)})
            continue
        graphs[variant.name] = graph
        rows.append({**row, "onnx_nodes": len(graph.graph.node), "macs": graph_macs(graph)})
    try:
        samples = time_graphs(graphs, target, model.scale, runs=runs, threads=threads, say=_say)
    except UnavailableError as error:
        return [{**row, "reason": str(error)} for row in rows]
    return [{**row, "samples_ms": samples[row["variant"]]} if row["variant"] in samples else row for row in rows]


def answer(job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a job: model, targets, tile (H, W), kind (passes or lowerings), runs, threads."""
    model = load_model(job["model"])
    rows = []
    for line in parse_targets(job["targets"], ()):
        target = Target(line.backend, line.precision, tuple(job["tile"]))
        variants = pass_variants(target) if job["kind"] == "passes" else lowering_variants()
        rows += measure(model, target, variants, job["runs"], job["threads"])
    return rows


def _say(step: str) -> None:
    sys.stderr.write(step + "\n")


if __name__ == "__main__":
    json.dump(answer(json.load(sys.stdin)), sys.stdout)
