"""Timing variants of one graph on this machine: what `--tune` and the ablation study are made of."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from dlgsanet.network.model import DLGSANet
from export.backends.backend import Order
from export.backends.registry import backend_of
from export.graph.build import build_onnx
from export.graph.graph import Graph
from export.machine.candidate_runner import timed, trial_runner
from export.rewriting.rewrite import passes_for, rewrite
from export.targets.table import Target
from runtimes.machine.clock import time_interleaved

WARMUP = 2


@dataclass(frozen=True)
class Variant:
    """A lowering, and the passes to leave out. `name` is what its times are called."""

    name: str
    lowering: str
    without: tuple[str, ...] = ()


def build_graph(model: DLGSANet, target: Target, variant: Variant) -> Graph:
    """The graph of a variant, unproven. Raises as `rewrite` and `build_onnx` do."""
    only = [step.name for step in passes_for(target) if step.name not in (*variant.without, *target.row.without)]
    result = rewrite(model, target, lowering_name=variant.lowering, only=only)
    made = build_onnx(result.model, name=variant.name, tile=target.tile, scale=model.scale, opset=target.graph_opset)
    return Graph(made)


def time_graphs(
    graphs: Mapping[str, Graph],
    target: Target,
    scale: int,
    *,
    runs: int,
    threads: int | None = None,
    say: Callable[[str], None] = lambda step: None,
) -> dict[str, list[float]]:
    """Milliseconds of each run of each graph by name, in interleaved rounds, on noise.

    Raises UnavailableError when the engine is missing or the device lacks the target's precision: another one
    would run, and its times would choose wrongly.
    """
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        tasks = {}
        for name, graph in graphs.items():
            say(f"trying {name} for {target.row.name}")
            written = backend_of(target.backend).write(Order(Path(temporary), name, graph, target))
            runner = trial_runner(Path(temporary), name, written, target, scale, threads)
            tasks[name] = timed(stack.enter_context(runner), target.tile)
        return time_interleaved(tasks, warmup=WARMUP, runs=runs)
