"""Candidates of a choice as runners, and their times: files that are in no bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dlgsanet.errors import BackendError, UnavailableError
from dlgsanet.storage.atomic import sha256_file
from export.targets.outputs import Written, ports
from export.targets.table import Target
from runtimes.backends.registry import backend_runner
from runtimes.bundle.manifest import Artifact
from runtimes.runner.contract import Runner, RunOptions


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
    artifact = trial_artifact(folder, name, written, target, scale)
    artifact = artifact if hints is None else replace(artifact, hints=dict(hints))
    return backend_runner(folder, artifact, scale, RunOptions(threads=threads))


def trial_artifact(folder: Path, name: str, written: Written, target: Target, scale: int) -> Artifact:
    """Files that are in no bundle, as a manifest would have them."""
    lr, sr = ports(target, scale)
    return Artifact(
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
        hints=dict(target.row.hints),
        calibration_sha256=None,
        certificate=None,
    )


def medians(samples: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The median of each, in ms to three digits, fastest first."""
    found = {name: round(float(np.median(values)), 3) for name, values in samples.items()}
    return dict(sorted(found.items(), key=lambda item: item[1]))
