from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlgsanet import metrics
from dlgsanet.errors import InputError
from dlgsanet.imaging.files import list_images, read_rgb8
from dlgsanet.imaging.resize import crop_to_multiple, downscale_matlab8, upscale_bicubic8
from dlgsanet.metrics import Protocol, psnr, psnr_float, require_same, rgb_to_y, ssim

# PSNR on Y, border = scale, of bicubic upscaling as RGB: what the super-resolution papers print.
PUBLISHED = {"Set5": {2: 33.68, 3: 30.41, 4: 28.43}, "B100": {2: 29.56, 3: 27.21, 4: 25.96}}

TILED = Protocol(
    scale=4,
    colour="y",
    border=4,
    rounded=True,
    lr_source="bicubic-matlab8",
    tile=(128, 128),
    overlap=16,
    fill="reflect",
    dataset_sha256="ab12cd34" * 8,
)
OTHER_VALUES = {
    "scale": 2,
    "colour": "rgb",
    "border": 2,
    "rounded": False,
    "lr_source": "bicubic-float",
    "tile": (64, 128),
    "overlap": 8,
    "fill": "symmetric",
    "dataset_sha256": "0" * 64,
}


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", ["Set5", "B100"])
def test_bicubic_has_the_published_psnr(data_dir, name, scale):
    hrs = [crop_to_multiple(read_rgb8(path), scale) for path in list_images(data_dir / "bench" / name / "HR")]
    values = [psnr(upscale_bicubic8(downscale_matlab8(hr, scale), scale), hr, border=scale) for hr in hrs]
    assert len(values) == {"Set5": 5, "B100": 100}[name]
    assert np.mean(values) == pytest.approx(PUBLISHED[name][scale], abs=0.01)


def test_psnr_of_a_known_difference():
    grey = np.full((8, 8, 3), 100, np.uint8)
    assert psnr(grey + 1, grey, border=0, colour="rgb") == pytest.approx(20 * math.log10(255))
    # A grey level is (65.481 + 128.553 + 24.966) / 255 = 219/255 of a level of Y.
    assert psnr(grey + 1, grey, border=0) == pytest.approx(20 * math.log10(255 * 255 / 219))


def test_y_is_in_studio_range():
    colours = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    y = rgb_to_y(colours)
    assert y.shape == (1, 5, 1)
    np.testing.assert_allclose(y.ravel(), [16, 235, 81.481, 144.553, 40.966])


def test_rounding_is_to_eight_bits_and_clips():
    hr = np.zeros((4, 4, 3), np.float32)
    almost = np.full_like(hr, 0.4 / 255)
    below = np.full_like(hr, -3.0)
    assert psnr(almost, hr, border=0) == math.inf
    assert psnr(below, hr, border=0) == math.inf
    assert psnr(almost, hr, border=0, rounded=False) < 70
    assert psnr(below, hr, border=0, rounded=False) < 0


def test_the_border_is_left_out():
    hr = noise(20, 20)
    sr = hr.copy()
    sr[:3] = sr[-3:] = sr[:, :3] = sr[:, -3:] = 0
    assert psnr(sr, hr, border=3) == math.inf
    assert ssim(sr, hr, border=3) == pytest.approx(1)
    assert psnr(sr, hr, border=2) < 40


def test_ssim_agrees_with_another_implementation():
    theirs = pytest.importorskip("skimage.metrics").structural_similarity
    hr = noise(31, 40)
    sr = np.clip(hr.astype(int) + np.random.default_rng(1).integers(-40, 41, hr.shape), 0, 255).astype(np.uint8)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    y = theirs(rgb_to_y(sr)[..., 0], rgb_to_y(hr)[..., 0], **options)
    assert ssim(sr, hr, border=0) == pytest.approx(y, abs=1e-12)
    rgb = np.mean([theirs(sr[..., c].astype(float), hr[..., c].astype(float), **options) for c in range(3)])
    assert ssim(sr, hr, border=0, colour="rgb") == pytest.approx(rgb, abs=1e-12)
    assert 0.5 < y < 0.99


@given(st.integers(11, 20), st.integers(11, 20), st.integers(0, 99), st.sampled_from(["y", "rgb"]))
def test_equal_images_and_symmetry(height, width, seed, colour):
    a, b = noise(height, width, seed), noise(height, width, seed + 1)
    assert psnr(a, a, border=0, colour=colour) == math.inf
    assert ssim(a, a, border=0, colour=colour) == pytest.approx(1)
    assert psnr(a, b, border=0, colour=colour) == psnr(b, a, border=0, colour=colour)
    assert ssim(a, b, border=0, colour=colour) == pytest.approx(ssim(b, a, border=0, colour=colour))
    floats = a / np.float32(255), b / np.float32(255)
    assert psnr(*floats, border=0, colour=colour) == psnr(a, b, border=0, colour=colour)


def test_psnr_float_neither_clamps_nor_rounds():
    a = np.full((1, 3, 4, 4), 1.5)
    assert psnr_float(a, a + 1e-6) == pytest.approx(120)
    assert psnr_float(a, a - 10) == pytest.approx(-20)
    assert psnr_float(a, a.copy()) == math.inf
    # Differences below the precision of float32 sums must not vanish.
    assert psnr_float(a, a + 1e-9) == pytest.approx(180, abs=1e-3)


@pytest.mark.parametrize("measure", [psnr, ssim])
@pytest.mark.parametrize(
    ("sr", "hr", "options", "words"),
    [
        (noise(20, 20), noise(20, 21), {}, "one shape"),
        (noise(20, 20)[..., 0], noise(20, 20)[..., 0], {}, "3 channels"),
        (noise(0, 20), noise(0, 20), {}, "empty"),
        (noise(20, 20), noise(20, 20), {"border": 10}, "border"),
        (noise(20, 20), noise(20, 20), {"border": -1}, "border"),
        (noise(20, 20), noise(20, 20), {"colour": "rbg"}, "colour"),
        (noise(20, 20).astype(int), noise(20, 20), {}, "found int64"),
        (np.full((20, 20, 3), np.nan), noise(20, 20), {}, "finite"),
        (noise(20, 20), np.full((20, 20, 3), -np.inf), {}, "finite"),
    ],
)
def test_what_cannot_be_measured_is_refused(measure, sr, hr, options, words):
    with pytest.raises(InputError, match=words):
        measure(sr, hr, **{"border": 0, **options})


def test_one_nan_in_the_border_is_not_overlooked():
    sr = noise(20, 20).astype(np.float32) / 255
    sr[0, 0, 0] = np.nan
    with pytest.raises(InputError, match="finite"):
        psnr(sr, noise(20, 20), border=4)


def test_ssim_needs_a_whole_window():
    assert ssim(noise(11, 11), noise(11, 11), border=0) == pytest.approx(1)
    with pytest.raises(InputError, match="11x11"):
        ssim(noise(12, 12), noise(12, 12), border=1)


@pytest.mark.parametrize("bad", [np.array([np.nan]), np.array([np.inf])])
def test_psnr_float_refuses(bad):
    with pytest.raises(InputError, match="finite"):
        psnr_float(bad, np.zeros(1))
    with pytest.raises(InputError, match="one shape"):
        psnr_float(np.zeros(2), np.zeros(1))
    with pytest.raises(InputError, match="empty"):
        psnr_float(np.zeros(0), np.zeros(0))


def test_ids_are_readable_and_stable():
    assert TILED.id == "x4/y/b4/r8/bicubic-matlab8/t128x128+16/ab12cd34"
    whole = dataclasses.replace(TILED, tile=None, overlap=None, fill=None, rounded=False)
    assert dataclasses.replace(TILED, fill="symmetric").id == TILED.id.replace("+16/", "+16s/")
    assert whole.id == "x4/y/b4/float/bicubic-matlab8/whole/ab12cd34"


def test_every_field_moves_the_id_and_forbids_the_comparison():
    assert set(OTHER_VALUES) == {field.name for field in dataclasses.fields(Protocol)}
    for name, value in OTHER_VALUES.items():
        other = dataclasses.replace(TILED, **{name: value})
        with pytest.raises(InputError, match="expected numbers of one protocol"):
            require_same(TILED.id, other.id)


def test_one_id_may_be_compared():
    require_same(TILED.id, dataclasses.replace(TILED).id)


def test_the_refusal_names_what_differs():
    other = dataclasses.replace(TILED, border=2, colour="rgb")
    with pytest.raises(InputError, match="found colour y / rgb, border b4 / b2;"):
        require_same(TILED.id, other.id)
    with pytest.raises(InputError, match="'nonsense'"):
        require_same(TILED.id, "nonsense")


def test_it_measures_as_it_says():
    rng = np.random.default_rng(0)
    a, b = (rng.random((30, 30, 3)) for _ in range(2))
    for protocol in (TILED, dataclasses.replace(TILED, border=2, colour="rgb", rounded=False)):
        options = {"border": protocol.border, "colour": protocol.colour, "rounded": protocol.rounded}
        assert protocol.psnr(a, b) == metrics.psnr(a, b, **options)
        assert protocol.ssim(a, b) == metrics.ssim(a, b, **options)
    assert TILED.psnr(a, b) != protocol.psnr(a, b)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scale", 0),
        ("border", -1),
        ("colour", "Y"),
        ("lr_source", ""),
        ("lr_source", "a/b"),
        ("tile", None),
        ("overlap", None),
        ("fill", None),
        ("dataset_sha256", "ab12cd34"),
    ],
)
def test_impossible_fields_are_refused(field, value):
    with pytest.raises(InputError, match="expected"):
        dataclasses.replace(TILED, **{field: value})
