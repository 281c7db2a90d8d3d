"""Timing one network in several tiles on this machine, in a process of its own: what `--frame` and `upscale` choose
by."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from dlgsanet.storage.typed_json import decode, to_json
from export.backends.backend import Order
from export.backends.registry import backend_of
from export.graph.graph import Graph
from export.machine.candidate_runner import timed, trial_artifact
from export.targets.table import Target
from runtimes.backends.registry import backend_runner
from runtimes.bundle.manifest import Artifact
from runtimes.machine.child import Job, Say, ask, serve
from runtimes.machine.clock import time_interleaved
from runtimes.runner.contract import RunOptions
from runtimes.runner.tiling import Tile

WHAT = "timing tiles"
WARMUP = 2
RUNS = 7

Times = Mapping[str, tuple[float, ...]]
"""Tile or artifact -> milliseconds of its runs; those of one round stand at one place."""


@dataclass(frozen=True)
class TileTrial:
    """Artifacts below `folder` that are to be timed together."""

    folder: str
    scale: int
    artifacts: tuple[Artifact, ...]


def time_tiles(graphs: Mapping[Tile, Graph], target: Target, scale: int, say: Say) -> dict[Tile, tuple[float, ...]]:
    """Milliseconds of each run in each tile, in interleaved rounds, on noise; `target` in all these tiles.

    Raises UnavailableError when the engine is missing or the device lacks the target's precision, BackendError when a
    file cannot be made or run.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        trials: dict[Tile, Artifact] = {}
        for tile, graph in graphs.items():
            name = f"{tile[0]}x{tile[1]}"
            say(f"trying {name} for {target.row.name}")
            here = replace(target, tile=tile)
            written = backend_of(target.backend).write(Order(folder, name, graph, here))
            trials[tile] = trial_artifact(folder, name, written, here, scale)
        say(f"timing {len(trials)} tiles for {target.row.name}")
        times = time_artifacts(folder, tuple(trials.values()), scale)
    return {tile: times[artifact.id] for tile, artifact in trials.items()}


def time_artifacts(folder: Path, artifacts: Sequence[Artifact], scale: int) -> Times:
    """As `time_tiles`, of artifacts that are written, by name."""
    told = ask(Job("export.tuning.tile_trials", to_json(TileTrial(str(folder), scale, tuple(artifacts))), WHAT))
    times: Times = decode(Times, told, WHAT)  # type: ignore[type-abstract]
    return times


def times_of(trial: TileTrial) -> dict[str, list[float]]:
    """The times of all artifacts by name, taken in this process. Raises as `time_tiles`."""
    with ExitStack() as stack:
        tasks = {}
        for artifact in trial.artifacts:
            runner = backend_runner(Path(trial.folder), artifact, trial.scale, RunOptions())
            tasks[artifact.id] = timed(stack.enter_context(runner), artifact.tile)
        return time_interleaved(tasks, warmup=WARMUP, runs=RUNS)


if __name__ == "__main__":
    serve(lambda asked, say: times_of(decode(TileTrial, asked, WHAT)))
