from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dlgsanet.network.attention import window_starts
from export.rewriting.passes.tlc_windows import windows_for


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 25))
def test_merging_what_was_cut_gives_the_picture_back(height: int, width: int, window: int) -> None:
    windows = windows_for((height, width), window)
    x = torch.rand(1, 2, height, width, dtype=torch.float64)
    cuts = windows.cut(x)
    assert cuts.shape == (windows.count, 2, min(window, height), min(window, width))
    assert torch.allclose(windows.merge(cuts), x, rtol=0, atol=1e-15)


@pytest.mark.parametrize(("tile", "window"), [((128, 128), 48), ((97, 50), 48), ((49, 144), 72), ((30, 30), 48)])
def test_windows_and_their_averages_are_the_references(tile: tuple[int, int], window: int) -> None:
    windows = windows_for(tile, window)
    cuts = torch.rand(windows.count, 3, min(window, tile[0]), min(window, tile[1]), dtype=torch.float64)
    total, cover = torch.zeros(1, 3, *tile, dtype=torch.float64), torch.zeros(tile)
    kh, kw = cuts.shape[2:]
    rows, cols = window_starts(tile[0], window), window_starts(tile[1], window)
    for j, left in enumerate(cols):
        for i, top in enumerate(rows):
            total[0, :, top : top + kh, left : left + kw] += cuts[j * len(rows) + i]
            cover[top : top + kh, left : left + kw] += 1
    assert torch.allclose(windows.merge(cuts), total / cover, rtol=0, atol=1e-15)


def test_segments_cover_an_axis_once() -> None:
    segments = windows_for((128, 128), 48).rows.segments
    assert [(s.start, s.length) for s in segments] == [(0, 40), (40, 8), (48, 32), (80, 8), (88, 40)]
    assert [s.windows for s in segments] == [(0,), (0, 1), (1,), (1, 2), (2,)]
