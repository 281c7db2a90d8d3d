from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from runtimes.bundle.artifact_facts import Shown
from runtimes.runner.fidelity.birth import CEILING_DB, MARGIN_DB, PATCH_LEVELS, SHIFT_LEVELS, TIMES, shown, worse

LEVEL = np.float32(1 / 255)
BIRTH = Shown("astronaut", 60.0, (0.1, -0.2, 0.0), 1.0)


def said(now: Shown, birth: Shown = BIRTH) -> list[str]:
    return list(worse([birth], [now]))


def test_a_picture_is_told_in_decibels_and_levels() -> None:
    reference = np.full((1, 3, 16, 16), 0.5, np.float32)
    sr = reference.copy()
    sr[:, 1] += 2 * LEVEL
    found = shown("flat", sr, reference)
    assert found.shift == pytest.approx((0, 2, 0), abs=1e-3) and found.patch == pytest.approx(2 / 3**0.5, abs=1e-3)
    assert found.to_reference_db == pytest.approx(20 * np.log10(255 / (2 / 3**0.5)), abs=1e-2)


def test_what_lies_beyond_white_is_not_seen() -> None:
    white = np.ones((1, 3, 16, 16), np.float32)
    assert shown("white", white + 9 * LEVEL, white) == Shown("white", None, (0.0, 0.0, 0.0), 0.0)


def test_the_same_and_the_noise_of_machines_say_nothing() -> None:
    assert said(BIRTH) == []
    assert said(replace(BIRTH, to_reference_db=60.0 - 0.9 * MARGIN_DB)) == []
    assert said(replace(BIRTH, shift=(0.1, -(TIMES * 0.2 + 0.9 * SHIFT_LEVELS), 0.0))) == []
    assert said(replace(BIRTH, patch=TIMES * 1.0 + 0.9 * PATCH_LEVELS)) == []
    assert said(replace(BIRTH, to_reference_db=None, shift=(0.0, 0.0, 0.0), patch=0.0)) == []  # better


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (replace(BIRTH, to_reference_db=60.0 - 1.1 * MARGIN_DB), "56.70 dB to the reference, 60.00 at birth"),
        (replace(BIRTH, shift=(0.1, -0.2, 0.4)), "mean shift of blue +0.40 levels, +0.00 at birth"),
        (replace(BIRTH, patch=4.0), "8x8 patch 4.00 levels, 1.00 at birth"),
    ],
)
def test_each_figure_speaks_by_itself_and_names_both(now: Shown, words: str) -> None:
    assert said(now) == [f"astronaut: {words}"]


def test_sums_in_another_order_say_nothing() -> None:
    exact = replace(BIRTH, to_reference_db=142.0)
    assert said(replace(exact, to_reference_db=CEILING_DB), exact) == []
    assert said(replace(exact, to_reference_db=CEILING_DB), replace(exact, to_reference_db=None)) == []
    assert said(replace(exact, to_reference_db=CEILING_DB - 1.1 * MARGIN_DB), exact)


def test_decibels_of_a_flat_tile_are_one_rounding() -> None:
    flat = replace(BIRTH, name="black")
    assert said(replace(flat, to_reference_db=40.0), flat) == []


def test_pictures_of_one_side_only_say_nothing() -> None:
    assert list(worse([BIRTH], [replace(BIRTH, name="text", to_reference_db=10.0)])) == []
    assert list(worse([], [BIRTH])) == []
