"""One artifact by the gates of `check`, against the PyTorch module: not the file that it was made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks.gates.accuracy_gates import Figures, judge
from dlgsanet.errors import BackendError, InputError
from dlgsanet.imaging.photographs import PHOTOGRAPHS
from dlgsanet.imaging.pixels import to_hwc, to_nchw
from dlgsanet.imaging.resize import downscale_matlab8
from dlgsanet.metrics import psnr, psnr_float, ssim
from runtimes.backends.registry import backend_runner, find_backend
from runtimes.bundle.manifest import Artifact
from runtimes.runner.contract import RunOptions
from runtimes.runner.fidelity.likeness import LikenessMeter, probe_figures
from runtimes.runner.fidelity.probes import PROBES, probe
from runtimes.runner.tiling import Array, Tile

Result = Literal["passes", "refused", "fails", "compiled", "not run"]
Network = Callable[[Array], Array]
CORNER = 96  # HR pixels from the top left: both photographs have a face there


def originals(tile: Tile, scale: int) -> Mapping[str, tuple[Array, Array]]:
    """LR tile and its original, by the photograph's name."""
    found = {}
    for photograph in PHOTOGRAPHS:
        rows, cols = (slice(CORNER, CORNER + side * scale) for side in tile)
        hr = photograph.read()[rows, cols]
        found[photograph.name] = (to_nchw(downscale_matlab8(hr, scale)), to_nchw(hr))
    return found


def judged(bundle: Path, artifact: Artifact, scale: int, module: Network) -> tuple[Result, str, float | None]:
    """What the gates say, why, and the worst PSNR to the module in dB; an engine that cannot run here was compiled,
    and what runs in another precision, since this machine has not its own, was not run."""
    judges = find_backend(artifact.backend).judges(artifact, "CPU")
    if not judges and artifact.graph.engine is not None:
        return "compiled", "", None
    try:
        with backend_runner(bundle, artifact, scale, RunOptions(device_of(artifact), threads=1)) as runner:
            if runner.info.lacking:
                return "not run", runner.info.lacking, None
            figures, worst = _figures(runner, artifact, scale, module, runner.info.reported_precision)
    except InputError as error:
        return "refused", str(error), None
    except BackendError as error:
        return "fails", str(error), None
    verdict = judge(figures)
    return ("passes" if verdict.gate == "pass" else "fails"), verdict.reason, worst


def device_of(artifact: Artifact) -> str:
    """What computes it here: an interpreter where there is one, else the CPU."""
    judges = find_backend(artifact.backend).judges(artifact, "CPU")
    return judges[0].device if judges else "CPU"


def _figures(
    runner: Network, artifact: Artifact, scale: int, module: Network, reported: str
) -> tuple[Figures, float | None]:
    meter = LikenessMeter(artifact.tile, scale, 0)
    drops, rgb, near, alike = [], [], [], []
    for name, (lr, hr) in originals(artifact.tile, scale).items():
        sr, expected = runner(lr), module(lr)
        meter.add(name, sr, expected)
        pictures = [to_hwc(it.clip(0, 1)) for it in (expected, sr)]
        original = to_hwc(hr)
        before, after = (psnr(it, original, border=scale) for it in pictures)
        drops.append(before - after)
        before, after = (psnr(it, original, border=scale, colour="rgb") for it in pictures)
        rgb.append(before - after)
        alike.append(abs(ssim(pictures[0], original, border=scale) - ssim(pictures[1], original, border=scale)))
        near.append(psnr_float(sr, expected))
    probes = []
    for name in PROBES:
        lr = probe(name, artifact.tile)
        probes.append(probe_figures(name, runner(lr), module(lr)))
    figures = Figures(
        artifact.precision,
        reported,
        drop_mean_db=float(np.mean(drops)),
        drop_worst_db=max(drops, key=abs),
        to_reference_mean_db=_finite(float(np.mean(near))),
        to_reference_worst_db=_finite(min(near)),
        ssim_drop=max(alike),
        drop_abs_db=float(np.mean(np.abs(drops))),
        rgb_drop_abs_db=float(np.mean(np.abs(rgb))),
        rgb_drop_worst_db=max(rgb, key=abs),
        likeness=meter.figures(),
        probes=tuple(probes),
    )
    return figures, _finite(min(near))


def _finite(db: float) -> float | None:
    return db if np.isfinite(db) else None
