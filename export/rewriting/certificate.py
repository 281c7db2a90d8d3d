"""The certificate of a rewrite: rewritten against untouched reference, both in float64, at the real tile.

In float64 an exact identity leaves only rounding (about 1e-15 of the output's size), so a wrong tap, a missing
bias or a border that differs stands out by many orders of magnitude.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dlgsanet.errors import GateError
from dlgsanet.network.config import RGB_MEAN
from dlgsanet.network.model import DLGSANet
from export.machine.threads import single_thread
from export.pictures import cut_to_tile
from export.rewriting.float64 import in_float64
from runtimes.bundle.artifact_facts import CaseError, Certificate

LIMIT = 1e-10
"""Largest error allowed, relative to the larger of 1 and the reference's largest output. Rounding reaches about
1e-13 where the inputs are extreme; a weight that went through float32 on its way already shows as 1e-8. The
passes themselves are proven (tests) to this limit while |mean| / sqrt(variance + eps) <= 1e4 at every LayerNorm;
beyond, both networks lose digits in proportion to that ratio: 64 * 2^-53 * ratio bounds the difference."""

SEED = 0


def certify(
    reference: DLGSANet,
    rewritten: nn.Module,
    tile: tuple[int, int],
    photographs: Mapping[str, NDArray[np.uint8]],
    *,
    progress: Callable[[str], None] | None = None,
) -> Certificate:
    """Run both networks on every case and compare.

    Both are copied to float64, not changed; `rewritten` is for `tile`. `photographs`: name ->
    uint8 (H, W, 3), cut to the tile (mirrored where smaller). Raises GateError at the first case whose error is
    above LIMIT or not a number.
    """
    judge, judged = in_float64(reference), in_float64(rewritten)
    cases: dict[str, CaseError] = {}
    for name, make in _inputs(tile, photographs).items():
        if progress is not None:
            progress(name)
        case = _compare(judge, judged, make())
        if not case.max_rel <= LIMIT:  # so that NaN fails as well
            raise GateError(
                f"the rewritten network differs from the reference by {case.max_rel:.1e} on input '{name}' at tile "
                f"{tile[0]}x{tile[1]}, expected at most {LIMIT:.0e}: nothing was written; please report this"
            )
        cases[name] = case
    return Certificate("float64", LIMIT, max(case.max_rel for case in cases.values()), cases)


def _compare(judge: nn.Module, rewritten: nn.Module, lr: Tensor) -> CaseError:
    with torch.inference_mode(), single_thread():
        expected, found = judge(lr), rewritten(lr)
    error = float((found - expected).abs().max())
    return CaseError(error, error / max(1.0, float(expected.abs().max())))


def _inputs(tile: tuple[int, int], photographs: Mapping[str, NDArray[np.uint8]]) -> dict[str, Callable[[], Tensor]]:
    """Inputs (1, 3, H, W) float64 by name: random, extreme (also far outside [0, 1]) and real."""
    shape = (1, 3, *tile)
    mean = torch.tensor(RGB_MEAN).double().view(1, 3, 1, 1)  # rounded to float32 first, as the network's own
    cases: dict[str, Callable[[], Tensor]] = {
        "random": lambda: _noise(shape),
        "huge-mean": lambda: 1e4 + _noise(shape),
        "near-zero-variance": lambda: 0.5 + 1e-9 * _noise(shape),
        "all-equal": lambda: mean.expand(shape).clone(),  # the mean colour: the first convolution sees zeros
        "all-zero": lambda: torch.zeros(shape, dtype=torch.float64),
    }
    for name, picture in photographs.items():
        cases[name] = lambda picture=picture: torch.from_numpy(cut_to_tile(picture, tile))  # type: ignore[misc]
    return cases


def _noise(shape: tuple[int, ...]) -> Tensor:
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(SEED))
