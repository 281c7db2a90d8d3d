"""Two networks are the same one, within what fp32 rounds."""

from __future__ import annotations

import numpy as np
import pytest

from dlgsanet.errors import GateError
from export.networks.proof import LIMIT, certified
from runtimes.runner.tiling import Array

NAMES = ("the copy", "the original")


def by(factor: float) -> object:
    def enlarged(lr: Array) -> Array:
        return lr.repeat(2, 2).repeat(2, 3) * np.float32(factor)

    return enlarged


def test_the_largest_error_is_kept() -> None:
    found = certified(by(1), by(1 + LIMIT / 2), (8, 9), NAMES, "float64")  # type: ignore[arg-type]
    assert found.max_rel == pytest.approx(LIMIT / 2, rel=0.1)
    assert (found.arithmetic, sorted(found.cases)) == ("float64", ["all-zero", "near-zero-variance", "random", "real"])


@pytest.mark.parametrize("factor", [1 + 2 * LIMIT, float("nan")])
def test_more_than_the_limit_and_no_number_fail(factor: float) -> None:
    with pytest.raises(GateError, match="the copy differs from the original"):
        certified(by(1), by(factor), (8, 9), NAMES)  # type: ignore[arg-type]


def test_another_size_fails() -> None:
    with pytest.raises(GateError, match=r"the copy gives \(1, 3, 8, 9\), the original \(1, 3, 16, 18\)"):
        certified(by(1), lambda lr: lr, (8, 9), NAMES)  # type: ignore[arg-type]
