"""Timing variants of one graph on this machine: what `--tune` and the ablation study are made of."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlgsanet.errors import BackendError, UnavailableError
from dlgsanet.network.model import DLGSANet
from dlgsanet.storage.atomic import sha256_file
from export.backends.registry import Written, ports, write_graph
from export.rewriting.rewrite import passes_for, rewrite
from export.targets.table import Target
from runtimes.backends.registry import backend_runner
from runtimes.bundle.manifest import Artifact
from runtimes.machine.clock import time_interleaved
from runtimes.runner.contract import Runner, RunOptions

WARMUP = 2


@dataclass(frozen=True)
class Variant:
    """A lowering, and the passes to leave out. `name` is what its times are called."""

    name: str
    lowering: str
    without: tuple[str, ...] = ()


def build_graph(model: DLGSANet, target: Target, variant: Variant) -> Any:
    """The ONNX model of a variant, unproven. Raises as `rewrite` and `build_onnx` do."""
    from export.graph.build import build_onnx

    only = [step.name for step in passes_for(target) if step.name not in (*variant.without, *target.row.without)]
    result = rewrite(model, target, lowering_name=variant.lowering, only=only)
    return build_onnx(result.model, name=variant.name, tile=target.tile, scale=model.scale, opset=target.graph_opset)


def time_graphs(
    graphs: Mapping[str, Any],
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
            written = write_graph(Path(temporary), name, graph, target, None)
            runner = trial_runner(Path(temporary), name, written, target, scale, threads)
            tasks[name] = timed(stack.enter_context(runner), target.tile)
        return time_interleaved(tasks, warmup=WARMUP, runs=runs)


def timed(runner: Runner, tile: tuple[int, int], *, named: bool = True) -> Callable[[], object]:
    """One run on noise, as `time_interleaved` takes it. Raises as `time_graphs`; with `named` also for a graph that
    runs in another precision than its target's."""
    if named and runner.info.lacking:
        raise UnavailableError(runner.info.lacking)
    if named and runner.info.precision_mismatch:
        raise BackendError(runner.info.precision_mismatch)
    picture = np.random.default_rng(0).random((1, 3, *tile), np.float32)
    runner.infer(picture)  # with all checks, once
    return lambda: runner.infer(picture, checked=False)


def trial_runner(
    folder: Path,
    name: str,
    written: Written,
    target: Target,
    scale: int,
    threads: int | None = None,
    hints: Mapping[str, str] | None = None,
) -> Runner:
    """A runner of files that are in no bundle; `hints` replace those of the target."""
    lr, sr = ports(target, scale)
    artifact = Artifact(
        id=name,
        backend=target.backend,
        precision=target.precision,
        variant=None,
        tile=target.tile,
        path=written.path,
        files={path: sha256_file(folder / path) for path in written.files},
        input=lr,
        output=sr,
        lowering=name,
        rewrites=(),
        hints=dict(target.row.hints if hints is None else hints),
        calibration_sha256=None,
        certificate={},
    )
    return backend_runner(folder, artifact, scale, RunOptions(threads=threads))


def medians(samples: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The median of each, in ms to three digits, fastest first."""
    found = {name: round(float(np.median(values)), 3) for name, values in samples.items()}
    return dict(sorted(found.items(), key=lambda item: item[1]))
