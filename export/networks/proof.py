"""Two networks that must be the same one, run beside one another in fp32 or better."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dlgsanet.errors import GateError
from export.pictures import photograph
from runtimes.bundle.artifact_facts import CaseError, Certificate
from runtimes.runner.tiling import Array, Tile

LIMIT = 2e-5
"""Largest error allowed in fp32, relative to the larger of 1 and the reference's largest output: both are rounded, and
differently where constants were folded or norms merged."""


def certified(
    reference: Callable[[Array], Array],
    found_by: Callable[[Array], Array],
    tile: Tile,
    names: tuple[str, str],
    arithmetic: str = "float32",
) -> Certificate:
    """`names` of what was found and of the reference, `arithmetic` of the reference. Raises GateError at the first case
    whose error is above LIMIT or not a number."""
    cases = {}
    for name, lr in _inputs(tile).items():
        expected, found = reference(lr), found_by(lr)
        if expected.shape != found.shape:
            raise GateError(f"{names[0]} gives {found.shape}, {names[1]} {expected.shape} at tile {tile[0]}x{tile[1]}")
        error = float(np.abs(found - expected).max())
        cases[name] = CaseError(error, error / max(1.0, float(np.abs(expected).max())))
        if not cases[name].max_rel <= LIMIT:  # so that NaN fails as well
            raise GateError(
                f"{names[0]} differs from {names[1]} by {cases[name].max_rel:.1e} on input '{name}' at "
                f"tile {tile[0]}x{tile[1]}, at most {LIMIT:.0e} was expected: nothing was written; please report this"
            )
    return Certificate(arithmetic, LIMIT, max(case.max_rel for case in cases.values()), cases)


def _inputs(tile: Tile) -> dict[str, Array]:
    shape = (1, 3, *tile)
    noise = np.random.default_rng(0).random(shape, np.float32)
    near, zero = np.float32(0.5) + np.float32(1e-3) * noise, np.zeros(shape, np.float32)
    return {
        "random": noise,
        "near-zero-variance": near,
        "all-zero": zero,
        "real": photograph(tile),
    }
