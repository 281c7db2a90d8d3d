"""What an artifact showed when it was exported against what it shows now."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from runtimes.bundle.artifact_facts import Shown
from runtimes.runner.fidelity.likeness import probe_figures
from runtimes.runner.fidelity.probes import FLAT
from runtimes.runner.tiling import Array

CEILING_DB = 90.0
"""Beyond it the order of a sum decides, which every machine has its own of."""

MARGIN_DB = 3.0
"""A picture that is so much farther from the reference than at birth has lost half of its fidelity."""

TIMES = 2.0
SHIFT_LEVELS = 0.3
PATCH_LEVELS = 1.5
"""Errors in levels may be TIMES what they were, and so much more: on a flat tile one rounding decides, and kernels of
another machine round otherwise."""

CHANNELS = ("red", "green", "blue")


def shown(name: str, sr: Array, reference: Array) -> Shown:
    """One picture, both outputs 1 x 3 x sH x sW float32; both are clipped to black and white."""
    error = np.clip(sr, 0, 1) - np.clip(reference, 0, 1)
    square = float(np.mean(np.square(error, dtype=np.float64)))
    figures = probe_figures(name, sr, reference)
    red, green, blue = (round(shift, 4) for shift in figures.shift)
    decibels = round(-10 * math.log10(square), 3) if square > 0 else None
    return Shown(name, decibels, (red, green, blue), round(figures.patch, 4))


def worse(birth: Sequence[Shown], now: Sequence[Shown]) -> Iterator[str]:
    """A line for every figure that is worse than at birth by more than the margins; pictures that only one of both has
    say nothing."""
    before = {it.name: it for it in birth}
    for it in now:
        if it.name in before:
            yield from _worse(before[it.name], it)


def _worse(birth: Shown, now: Shown) -> Iterator[str]:
    was, found = _decibels(birth), _decibels(now)
    if now.name not in FLAT and found < was - MARGIN_DB:
        yield f"{now.name}: {found:.2f} dB to the reference, {was:.2f} at birth"
    for channel, before, after in zip(CHANNELS, birth.shift, now.shift, strict=True):
        if abs(after) > TIMES * abs(before) + SHIFT_LEVELS:
            yield f"{now.name}: mean shift of {channel} {after:+.2f} levels, {before:+.2f} at birth"
    if now.patch > TIMES * birth.patch + PATCH_LEVELS:
        yield f"{now.name}: 8x8 patch {now.patch:.2f} levels, {birth.patch:.2f} at birth"


def _decibels(it: Shown) -> float:
    return CEILING_DB if it.to_reference_db is None else min(it.to_reference_db, CEILING_DB)
