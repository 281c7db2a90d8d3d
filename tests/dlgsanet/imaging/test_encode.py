"""Rows become a file, whole or not at all, in every format and however they come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dlgsanet.imaging.encode import Looks, new_picture
from dlgsanet.imaging.files import read_picture, write_picture

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("suffix", ["png", "webp", "tiff"])
def test_rows_give_the_file_of_the_whole(tmp_path: Path, suffix: str, grey: bool) -> None:
    samples = RNG.integers(0, 256, (150, 20, 4), np.uint8)
    whole, rows = tmp_path / f"whole.{suffix}", tmp_path / f"rows.{suffix}"
    write_picture(whole, samples[..., :3], samples[..., 3], grey=grey)
    with new_picture(rows, Looks(150, 20, grey=grey, alpha=True)) as put:
        for part in np.split(samples, [1, 70]):
            put(part)
    assert rows.read_bytes() == whole.read_bytes()
    assert read_picture(rows).grey == (grey and suffix != "webp")


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_picture_without_its_last_rows_is_none(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / "out" / f"x.{suffix}"
    with pytest.raises(ValueError, match="rows"), new_picture(target, Looks(150, 20)) as put:
        put(RNG.integers(0, 256, (149, 20, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_compression_is_taken(tmp_path: Path) -> None:
    flat = np.zeros((100, 100, 3), np.uint8)
    sizes = []
    for compression in (0, 9):
        with new_picture(tmp_path / f"{compression}.png", Looks(100, 100, compression=compression)) as put:
            put(flat)
        sizes.append((tmp_path / f"{compression}.png").stat().st_size)
    assert sizes[0] > 100 * sizes[1]
