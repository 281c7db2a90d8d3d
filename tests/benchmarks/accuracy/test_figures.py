"""One image's row, where the artifact gives 8-bit pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.accuracy.figures import standard
from benchmarks.subjects.datasets import Item, Sample
from dlgsanet.metrics import Protocol


def test_pictures_are_compared_with_the_rounded_reference() -> None:
    rng = np.random.default_rng(0)
    hr = rng.integers(0, 256, (32, 32, 3), np.uint8)
    reference = rng.random((1, 3, 32, 32), dtype=np.float32) * 1.1 - 0.05  # not clamped
    target = standard(
        Sample(Item("noise", Path("hr.png")), hr, hr[::2, ::2]),
        reference,
        Protocol(2, "y", 2, True, "given", (16, 16), 4, "symmetric", "0" * 64),
    )
    pixels = np.rint(np.clip(reference, 0, 1) * 255) / np.float32(255)
    exact = target.row(pixels, pictures=True)
    assert exact.identical and exact.drop_db == 0
    plain = target.row(pixels)
    assert not plain.identical and plain.to_reference_db is not None and plain.to_reference_db < 60
    pixels[0, 0, 0, 0] += 1 / 255  # one step in one of 3072 values
    off = target.row(pixels, pictures=True)
    assert off.to_reference_db is not None and abs(off.to_reference_db - (48.13 + 34.87)) < 0.1
