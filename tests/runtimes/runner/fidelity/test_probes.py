from __future__ import annotations

import numpy as np
import pytest

from runtimes.runner.fidelity.probes import CORE, FLAT, PROBES, probe


@pytest.mark.parametrize("tile", [(1, 1), (2, 5), (8, 8), (40, 33), (128, 128)])
def test_every_probe_is_a_tile_of_whole_255ths_and_always_the_same(tile: tuple[int, int]) -> None:
    for name in PROBES:
        found = probe(name, tile)
        assert found.shape == (1, 3, *tile) and found.dtype == np.float32
        assert np.array_equal(found, np.rint(found * np.float32(255)) / np.float32(255)), name
        assert found.min() >= 0 and found.max() <= 1
        assert np.array_equal(found, probe(name, tile))


def test_flat_probes_are_of_one_colour_and_the_others_are_not() -> None:
    for name in PROBES:
        spread = np.ptp(probe(name, (64, 64))[0], axis=(1, 2)).max()
        assert bool(spread == 0) is (name in FLAT), name
    assert {"black", "grey", "white", "red", "green", "blue", "cyan", "magenta", "yellow"} == FLAT
    assert set(CORE) <= set(PROBES) and {"black", "white", "blue", "text", "noise"} <= set(CORE)


def test_the_noise_has_three_strengths_and_the_patterns_every_checker() -> None:
    noise = probe("noise", (96, 96))[0]
    weak, middle, strong = (float(noise[:, part * 32 : part * 32 + 32].std()) for part in range(3))
    assert weak == pytest.approx(0.02, rel=0.1) and middle == pytest.approx(0.1, rel=0.1) and 0.2 < strong < 0.3
    patterns = probe("patterns", (96, 96))[0]
    for column, size in enumerate((1, 2, 4)):
        block = patterns[0, 32:64, column * 32 : column * 32 + 32]
        assert np.array_equal(block[:, size:], 1 - block[:, :-size])
        assert np.array_equal(block[:, 2 * size :], block[:, : -2 * size])
    assert np.all(np.diff(patterns[0, 0, :32]) >= 0) and np.all(np.diff(patterns[0, :32, 32]) >= 0)


def test_the_text_has_ink_on_paper_both_ways() -> None:
    above, middle, below = np.split(probe("text", (96, 96))[0], 3, axis=1)
    assert above.mean() > 0.6 and middle.mean() < 0.4
    assert below[2].mean() < below[0].mean()  # blue on yellow
    assert len(np.unique(above)) > 3  # edges between pixels are grey
