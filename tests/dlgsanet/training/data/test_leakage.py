"""Test images among the training images are refused, whatever they are called and however they are stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dlgsanet.errors import InputError
from dlgsanet.imaging.files import write_picture
from dlgsanet.training.data.leakage import refuse_leaks
from dlgsanet.training.data.pixel_store import PatchStore, open_store

Make = Callable[[int, int, int], Any]


@pytest.fixture
def store(photographs: Path, tmp_path: Path) -> PatchStore:
    return open_store(photographs, 4, tmp_path / "cache")


def test_the_same_pixels_in_another_file_are_found(store: PatchStore, picture: Make, tmp_path: Path) -> None:
    write_picture(tmp_path / "Set1" / "HR" / "baby.bmp", picture(101, 67, 2))  # p2.png under another name and format
    with pytest.raises(InputError, match=r"found 1: p2\.png \(is Set1/baby\.bmp\); remove"):
        refuse_leaks([store], [tmp_path / "Set1"])


def test_other_pixels_of_the_same_size_pass(store: PatchStore, picture: Make, tmp_path: Path) -> None:
    changed = picture(101, 67, 2)
    changed[50, 50, 1] ^= 1
    write_picture(tmp_path / "Set1" / "p2.png", changed)
    refuse_leaks([store], [tmp_path / "Set1"])
    refuse_leaks([store], [])


def test_a_missing_test_folder_is_not_a_clean_one(store: PatchStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="check the path"):
        refuse_leaks([store], [tmp_path / "Set5"])
