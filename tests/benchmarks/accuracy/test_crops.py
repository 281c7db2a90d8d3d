from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.accuracy.crops import Shelf, bicubic_crop, cut
from benchmarks.records.pictures import Crop
from dlgsanet.imaging.resize import downscale_matlab8, upscale_bicubic8

PICTURE = np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8)


def test_the_bicubic_crop_is_the_crop_of_the_bicubic() -> None:
    lr = downscale_matlab8(PICTURE, 4)
    whole = upscale_bicubic8(lr, 4)
    for box in ((0, 0, 96, 96), (144, 224, 96, 96), (40, 64, 96, 96)):
        top, left, height, width = box
        assert np.array_equal(bicubic_crop(lr, 4, box), whole[top : top + height, left : left + width])


def test_a_crop_of_a_broken_output_is_still_a_picture() -> None:
    sr = np.full((1, 3, 8, 8), np.nan, np.float32)
    assert cut(sr, (0, 0, 4, 4)).shape == (4, 4, 3)


def test_the_shelf_stays_small_and_keeps_the_worst(tmp_path: Path) -> None:
    shelf = Shelf()
    for name, drop in (("a", 0.1), ("b", 0.0), ("c", 0.2), ("d", 0.5), ("e", 0.3)):
        if shelf.wants(drop):
            shelf = shelf.put(Crop(name, "set", "0" * 64, (0, 0, 1, 1), {}), drop)
    assert [crop.image for crop in shelf.crops] == ["a", "b", "d"]
