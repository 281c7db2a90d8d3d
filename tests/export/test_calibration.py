"""Calibration tiles: representative, repeatable, and honest about poor material."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dlgsanet.imaging.content import content_hash
from dlgsanet.imaging.errors import InputError
from dlgsanet.imaging.files import read_rgb8, write_picture
from export.calibration import CalibrationOptions, calibration_set, features, most_different


def noise(height: int, width: int, seed: int, contrast: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (128 + contrast * rng.integers(-128, 128, (height, width, 3))).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, size in enumerate([(96, 128), (64, 64), (200, 90)]):
        write_picture(tmp_path / f"p{seed}.png", noise(*size, seed))
    return tmp_path


def test_tiles_are_lr_pixels_of_the_images(folder: Path) -> None:
    found = calibration_set(2, (20, 24), CalibrationOptions(str(folder), tiles=10))
    assert found.tiles.shape == (10, 3, 20, 24) and found.tiles.dtype == np.float32
    assert found.tiles.min() >= 0 and found.tiles.max() <= 1
    assert found.images == {f"p{i}.png": content_hash(read_rgb8(folder / f"p{i}.png")) for i in range(3)}
    assert found.warnings == ()


def test_the_seed_alone_decides(folder: Path) -> None:
    first, again, other = (
        calibration_set(2, (20, 24), CalibrationOptions(str(folder), tiles=10, seed=seed)) for seed in (0, 0, 1)
    )
    assert first.sha256 == again.sha256 != other.sha256


def test_small_images_are_continued_by_reflection(folder: Path) -> None:
    found = calibration_set(4, (128, 128), CalibrationOptions(str(folder), tiles=3))
    assert found.tiles.shape == (3, 3, 128, 128)


def test_extremes_are_chosen_before_the_many_alike() -> None:
    alike = [np.full(7, 0.5) + 0.01 * i for i in range(20)]
    dark, bright = np.zeros(7), np.ones(7)
    chosen = most_different([*alike, dark, bright], 3)
    assert {20, 21} <= set(chosen)


def test_repeated_tiles_count_once() -> None:
    assert len(most_different([np.ones(7)] * 9, 5)) == 1


def test_features_tell_range_and_texture_apart() -> None:
    flat, textured = features(np.full((8, 8, 3), 40, np.uint8)), features(noise(8, 8, 0))
    assert flat[-1] == 0 and textured[-1] > 0.5
    assert flat[3] == flat[4] < textured[4]


def test_poor_material_is_said(tmp_path: Path) -> None:
    write_picture(tmp_path / "flat.png", noise(64, 64, 0, contrast=0.01))
    said = " / ".join(calibration_set(2, (16, 16), CalibrationOptions(str(tmp_path), tiles=4)).warnings)
    assert "only 4 different" in said and "from one image" in said and "4 of 4 calibration tiles are flat" in said


def test_the_default_photographs_are_not_those_of_the_evaluation() -> None:
    pytest.importorskip("skimage")
    from benchmarks.datasets import open_photographs

    found = calibration_set(4, (32, 32), CalibrationOptions(tiles=12))
    evaluated = {content_hash(read_rgb8(item.hr)) for item in open_photographs(4).items}
    assert len(found.images) >= 6 and not evaluated & set(found.images.values())
    assert found.warnings == ()


@pytest.mark.parametrize("tiles", [0, -1])
def test_no_tiles_are_refused(tiles: int) -> None:
    with pytest.raises(InputError, match="at least 1 calibration tile"):
        CalibrationOptions(tiles=tiles)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        calibration_set(4, (32, 32), CalibrationOptions(str(tmp_path)))
