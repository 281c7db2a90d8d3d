"""The choice of crops."""

from __future__ import annotations

import numpy as np

from dlgsanet.imaging.crop_choice import liveliest_box

SIDE = 96
PICTURE = np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8)


def test_the_box_holds_the_detail_and_lies_on_the_lr_grid() -> None:
    flat = np.full((240, 320, 3), 90, np.uint8)
    flat[130:200, 60:140] = PICTURE[130:200, 60:140]
    top, left, height, width = liveliest_box(flat, SIDE, 4)
    assert (height, width) == (SIDE, SIDE)
    assert all(value % 4 == 0 for value in (top, left))
    assert top <= 130 and top + height >= 200 and left <= 60 and left + width >= 140


def test_an_image_smaller_than_the_crop_is_taken_whole() -> None:
    assert liveliest_box(PICTURE[:40, :64], SIDE, 4) == (0, 0, 40, 64)
