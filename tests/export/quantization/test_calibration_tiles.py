"""Calibration tiles: representative, repeatable, and honest about poor material."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from dlgsanet.checkpoints import save_checkpoint
from dlgsanet.errors import BackendError, InputError
from dlgsanet.imaging.files import read_rgb8, write_picture
from dlgsanet.imaging.pixel_hash import content_hash
from dlgsanet.imaging.pixels import to_nchw
from dlgsanet.imaging.resize import downscale_matlab8
from export.bundle.options import ExportOptions
from export.bundle.writer import export_bundle
from export.graph.graph import Graph
from export.quantization.calibrated_graph import calibrate
from export.quantization.calibration_tiles import calibration_set, features, most_different
from export.quantization.onnx_qdq import FUSED
from export.quantization.options import CalibrationOptions
from tests.export.conftest import MakeModel


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
    from benchmarks.subjects.datasets import open_photographs

    found = calibration_set(4, (32, 32), CalibrationOptions(tiles=12))
    evaluated = {content_hash(read_rgb8(item.hr)) for item in open_photographs(4).items}
    assert len(found.images) >= 6 and not evaluated & set(found.images.values())
    assert found.warnings == ()


@pytest.mark.parametrize("tiles", [0, -1])
def test_no_tiles_are_refused(tiles: int) -> None:
    with pytest.raises(InputError, match="at least 1 calibration tile"):
        CalibrationOptions(tiles=tiles)


@pytest.mark.parametrize("side", [1, 7])
def test_an_image_too_small_is_named(folder: Path, side: int) -> None:
    write_picture(folder / "odd.png", noise(9, side, 7))
    with pytest.raises(InputError, match=rf"at least 8 pixels a side, found odd\.png of {side}x9: take it out"):
        calibration_set(4, (32, 32), CalibrationOptions(str(folder)))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        calibration_set(4, (32, 32), CalibrationOptions(str(tmp_path)))


def test_the_pairs_that_a_search_judges_by_are_mirrored_originals(folder: Path) -> None:
    """Every pair is a place of an image, mirrored: its HR made small again gives its LR but for the tile's border."""
    found = calibration_set(2, (20, 24), CalibrationOptions(str(folder), tiles=4))
    assert 0 < len(found.mirrored) <= 12
    for pair in found.mirrored:
        assert pair.lr.shape == (1, 3, 20, 24) and pair.hr.shape == (40, 48, 3)
        small = to_nchw(downscale_matlab8(np.ascontiguousarray(pair.hr), 2))
        inside = np.abs(small - pair.lr)[..., 4:-4, 4:-4]
        assert inside.max() <= 1.01 / 255


def test_originals_of_small_images_are_continued_like_them(tmp_path: Path) -> None:
    """An image smaller than the tile: HR is reflected about the centre of its last LR pixel, as LR is."""
    ramp = np.repeat(np.arange(64, dtype=np.uint8)[None, :, None] * 3, 64, 0).repeat(3, 2)
    write_picture(tmp_path / "ramp.png", ramp)
    found = calibration_set(4, (24, 24), CalibrationOptions(str(tmp_path), tiles=2))
    for pair in found.mirrored:
        means = pair.hr.reshape(24, 4, 24, 4, 3).mean((1, 3)) / 255
        assert np.abs(means - pair.lr[0].transpose(1, 2, 0))[4:-4, 4:-4].max() < 0.02


def test_a_constant_image_is_warned_of(tmp_path: Path) -> None:
    write_picture(tmp_path / "grey.png", np.full((80, 80, 3), 90, np.uint8))
    (tmp_path / "raw.dng").touch()
    found = calibration_set(2, (16, 16), CalibrationOptions(str(tmp_path), tiles=12))
    assert found.warnings[-1] == f"{tmp_path}: 1 in formats that are not read: raw.dng"
    assert len(found.tiles) == 1  # all places are alike
    said = " / ".join(found.warnings)
    assert "only 1 different calibration tiles" in said and "from one image" in said and "1 of 1" in said


@pytest.mark.parametrize("target", ["openvino-int8", "onnxruntime-int8"])
def test_values_that_are_not_numbers_name_the_layer(make_model: MakeModel, tmp_path: Path, target: str) -> None:
    """A weight that overflows: the first layer that reads the result is named, as wrong input, and nothing is left."""
    pytest.importorskip("nncf")
    pytest.importorskip("skimage")
    model = make_model()
    dict(model.named_parameters())["deep_feature_extraction.0.body.0.IDynamic_ffn.project_in.weight"][0] = 3e38
    save_checkpoint(tmp_path / "broken.safetensors", model, {"training": "none"})
    options = ExportOptions((target,), ((20, 24),), calibration=CalibrationOptions(tiles=2))
    said = (
        r"^expected finite numbers in calibration, found (nan|-?inf) at the input of "
        r"deep_feature_extraction\.0\.body\.0\.IDynamic_ffn\.dwconv_a: .*, use an undamaged checkpoint$"
    )
    with pytest.raises(InputError, match=said):
        export_bundle(tmp_path / "broken.safetensors", tmp_path / "bundle", options)
    assert not (tmp_path / "bundle").exists()


def test_a_quantizer_that_fails_is_ours_to_answer_for(tmp_path: Path) -> None:
    """What is no network is no fault of the input either: said in one line, and nothing is left."""
    with pytest.raises(BackendError, match=r"could not be learnt: .*please report this"):
        tiles = np.zeros((1, 3, 8, 8), np.float32)
        calibrate(tmp_path / "made", FUSED, Graph(onnx.ModelProto()), tiles, lambda step: None)
    assert not (tmp_path / "made" / "calibrated").exists()
