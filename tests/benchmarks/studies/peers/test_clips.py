"""A pan moves everything; before a still camera most pixels stay."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.studies.peers.clips import CLIPS, FRAME, pictures

pytest.importorskip("skimage")


@pytest.mark.parametrize(("kind", "least", "most"), [(CLIPS[0], 0.5, 1.0), (CLIPS[1], 0.001, 0.05)])
def test_how_much_moves(kind: str, least: float, most: float) -> None:
    first, second = pictures(kind, 2)
    assert first.shape == (*FRAME, 3) and first.dtype == np.uint8
    assert least < (first != second).any(axis=2).mean() <= most
