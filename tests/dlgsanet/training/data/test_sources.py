"""Folder layouts: HR alone, benchmark sets, DIV2K, folders named one by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dlgsanet.errors import InputError
from dlgsanet.imaging.files import write_picture
from dlgsanet.imaging.resize import downscale_matlab8
from dlgsanet.training.data.sources import Pair, find_pairs, read_pair

Make = Callable[[int, int, int], Any]


def div2k(root: Path, picture: Make, count: int = 2) -> Path:
    for i in range(1, count + 1):
        hr = picture(48, 64, i)
        write_picture(root / "DIV2K_train_HR" / f"{i:04d}.png", hr)
        # Marked, so that a test can tell these files from LR images made by us.
        write_picture(
            root / "DIV2K_train_LR_bicubic" / "X4" / f"{i:04d}x4.png", np.full_like(downscale_matlab8(hr, 4), i)
        )
    return root


def test_plain_folder_makes_its_lr(tmp_path: Path, picture: Make) -> None:
    write_picture(tmp_path / "a.png", picture(50, 66, 0))
    pairs = find_pairs(tmp_path, 4)
    assert pairs == (Pair(tmp_path / "a.png"),)
    lr, hr = read_pair(pairs[0], 4)
    assert hr.shape == (48, 64, 3) and np.array_equal(lr, downscale_matlab8(hr, 4))


@pytest.mark.parametrize("given", ["", "DIV2K_train_HR"])
def test_div2k_by_its_root_or_its_hr_folder(tmp_path: Path, picture: Make, given: str) -> None:
    pairs = find_pairs(div2k(tmp_path, picture) / given, 4)
    assert [pair.lr.name for pair in pairs if pair.lr] == ["0001x4.png", "0002x4.png"]
    assert read_pair(pairs[1], 4)[0].max() == 2
    assert [pair.lr for pair in find_pairs(tmp_path / given, 2)] == [None, None]  # X2 is not there: it is made


def test_benchmark_layout_and_folders_named_one_by_one(tmp_path: Path, picture: Make) -> None:
    for name in ("HR", "LRbicx4", "mine"):
        side = 32 if name == "HR" else 8
        write_picture(tmp_path / name / "a.png", picture(side, side, 0))
    assert find_pairs(tmp_path, 4) == (Pair(tmp_path / "HR" / "a.png", tmp_path / "LRbicx4" / "a.png"),)
    assert find_pairs(tmp_path / "HR", 4, tmp_path / "mine")[0].lr == tmp_path / "mine" / "a.png"


def test_what_upscale_made_belongs_to_what_it_was_made_of(tmp_path: Path, picture: Make) -> None:
    write_picture(tmp_path / "LRbicx4" / "a.png", picture(8, 8, 0))
    write_picture(tmp_path / "HR" / "a_x4.png", picture(32, 32, 1))
    assert find_pairs(tmp_path, 4) == (Pair(tmp_path / "HR" / "a_x4.png", tmp_path / "LRbicx4" / "a.png"),)


def test_missing_and_unfit_partners_are_named(tmp_path: Path, picture: Make) -> None:
    root = div2k(tmp_path, picture)
    lr = root / "DIV2K_train_LR_bicubic" / "X4"
    (lr / "0001x4.png").unlink()
    write_picture(lr / "0002x4.png", picture(12, 12, 0))
    missing, unfit = find_pairs(root, 4)
    with pytest.raises(InputError, match="0001x4"):
        read_pair(missing, 4)
    with pytest.raises(InputError, match=r"expected LR of 16x12 pixels for 0002\.png, found 12x12"):
        read_pair(unfit, 4)


def test_two_training_folders_in_one_root_must_be_told_apart(tmp_path: Path, picture: Make) -> None:
    div2k(tmp_path, picture)
    (tmp_path / "Other_train_HR").mkdir()
    with pytest.raises(InputError, match="name one of them"):
        find_pairs(tmp_path, 4)


def test_grey_and_16_bit_images_are_read(tmp_path: Path, picture: Make) -> None:
    colour = picture(32, 32, 1)
    Image.fromarray(colour[..., 0]).save(tmp_path / "grey.png")
    write_picture(tmp_path / "deep.png", colour.astype(np.uint16) * 257, bits=16)
    deep, grey = (read_pair(pair, 4)[1] for pair in find_pairs(tmp_path, 4))
    assert np.array_equal(deep, colour)
    assert np.array_equal(grey, np.repeat(colour[..., :1], 3, axis=2))
