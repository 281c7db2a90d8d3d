"""The most detailed squares of photographs, cut so that LR and HR belong together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.studies.training import crops
from dlgsanet.imaging.resize import downscale_matlab8
from dlgsanet.training.data.sources import find_pairs, read_pair


def test_detail_is_found_and_squares_do_not_overlap() -> None:
    lr = np.zeros((40, 64, 3), np.uint8)
    lr[20:36, 40:56] = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    places = crops.detailed_places(lr, 16, 3)
    assert places[0] in {(16, 40), (24, 40)} and len(places) == 3
    for i, (y, x) in enumerate(places):
        assert all(abs(y - top) >= 16 or abs(x - left) >= 16 for top, left in places[:i])
    assert crops.detailed_places(lr, 41, 3) == ()


def test_squares_are_pairs_that_training_reads(tmp_path: Path) -> None:
    photograph = np.random.default_rng(1).integers(0, 256, (130, 98, 3), np.uint8)
    (tmp_path / "photographs").mkdir()
    Image.fromarray(photograph).save(tmp_path / "photographs" / "one.png")
    crops.main(tmp_path / "photographs", tmp_path / "out", scale=2, side=16, count=4)
    pairs = find_pairs(tmp_path / "out", 2)
    whole = downscale_matlab8(photograph, 2)
    assert len(pairs) == 4
    for pair in pairs:
        lr, hr = read_pair(pair, 2)
        assert lr.shape == (16, 16, 3) and hr.shape == (32, 32, 3)
        places = [(y, x) for y in range(50) for x in range(34) if (whole[y : y + 16, x : x + 16] == lr).all()]
        assert any((photograph[2 * y : 2 * y + 32, 2 * x : 2 * x + 32] == hr).all() for y, x in places)
