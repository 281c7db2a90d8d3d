from __future__ import annotations

import math
import tracemalloc
from fractions import Fraction
from timeit import repeat

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dlgsanet.errors import InputError
from dlgsanet.imaging.files import list_images, read_rgb8
from dlgsanet.imaging.resize import crop_to_multiple, downscale_matlab8, resize_bicubic, upscale_bicubic8


def noise(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def keys(x: Fraction) -> Fraction:
    x = abs(x)
    if x <= 1:
        return (3 * x**3 - 5 * x**2 + 2) / 2
    return (-(x**3) + 5 * x**2 - 8 * x + 4) / 2 if x < 2 else Fraction(0)


def old_matlab_line(line: list[int], scale: int) -> list[int]:
    """imresize of one line, sample by sample, in exact fractions."""
    result = []
    for y in range(1, len(line) // scale + 1):
        centre = y * scale + Fraction(1 - scale, 2)
        left = math.floor(centre - 2 * scale)
        taps = [(min(max(i, 1), len(line)), keys((centre - i) / scale)) for i in range(left, left + 4 * scale + 2)]
        value = sum(w * line[i - 1] for i, w in taps) / sum(w for _, w in taps)
        result.append(min(max(math.floor(value + Fraction(1, 2)), 0), 255))
    return result


def old_matlab(img: np.ndarray, scale: int) -> np.ndarray:
    rows = np.apply_along_axis(lambda v: old_matlab_line(v.tolist(), scale), 0, img)
    return np.apply_along_axis(lambda v: old_matlab_line(v.tolist(), scale), 1, rows)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_published_low_resolution_set_bit_for_bit(data_dir, scale):
    pairs = zip(
        list_images(data_dir / "bench/Set5/HR"),
        list_images(data_dir / f"bench/Set5/LRbicx{scale}"),
        strict=True,
    )
    for hr, lr in pairs:
        made, official = downscale_matlab8(crop_to_multiple(read_rgb8(hr), scale), scale), read_rgb8(lr)
        assert np.array_equal(made, official), hr
        # The test can fail: today's form is off in a tenth of the samples.
        modern = resize_bicubic(crop_to_multiple(read_rgb8(hr), scale).astype(np.float32), *official.shape[:2])
        assert np.mean(np.rint(np.clip(modern, 0, 255)) != official) > 0.05


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 8), st.integers(1, 3), st.integers(1, 3), st.integers(0, 99))
def test_downscaling_agrees_with_imresize_in_exact_fractions(scale, rows, columns, seed):
    # Black and white samples overshoot and meet the clamps.
    img = noise(rows * scale, columns * scale, 1, seed)
    if seed % 2:
        img = (img > 127).astype(np.uint8) * np.uint8(255)
    assert np.array_equal(downscale_matlab8(img, scale), old_matlab(img, scale))


@given(st.integers(1, 8), st.integers(1, 5), st.integers(1, 5), st.integers(0, 255))
def test_downscaling_keeps_constants(scale, rows, columns, value):
    img = np.full((rows * scale, columns * scale, 3), value, np.uint8)
    assert (downscale_matlab8(img, scale) == value).all()


def test_downscaling_does_not_depend_on_the_strips():
    img = noise(150, 60)
    whole = downscale_matlab8(img, 2)
    assert whole.shape == (75, 30, 3)
    assert np.array_equal(whole[20:55], downscale_matlab8(img[32:118], 2)[4:39])  # past the edge's influence


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_downscaling_a_photograph_is_quick(scale):
    img = noise(1080 // scale * scale, 1440)
    assert min(repeat(lambda: downscale_matlab8(img, scale), number=1, repeat=5)) < 0.3


def test_downscaling_needs_little_memory():
    img = noise(1200, 1600)
    tracemalloc.start()
    downscale_matlab8(img, 4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < img.nbytes / 2


@pytest.mark.parametrize(
    ("img", "scale"),
    [
        (noise(6, 7), 2),
        (noise(7, 6), 2),
        (noise(6, 6), 0),
        (noise(9, 9), 9),
        (noise(0, 6), 2),
        (noise(6, 6)[..., 0], 2),
        (noise(6, 6).astype(np.float32), 2),
    ],
)
def test_downscaling_refuses_what_it_cannot_do(img, scale):
    with pytest.raises(InputError):
        downscale_matlab8(img, scale)


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 5))
def test_crop_to_multiple(height, width, scale):
    img = noise(height, width)
    if min(height, width) < scale:
        with pytest.raises(InputError, match="at least"):
            crop_to_multiple(img, scale)
        return
    cropped = crop_to_multiple(img, scale)
    assert cropped.shape == (height - height % scale, width - width % scale, 3)
    assert np.array_equal(cropped, img[: cropped.shape[0], : cropped.shape[1]])


sides = st.integers(1, 24)


@given(sides, sides, sides, sides, st.booleans())
def test_resizing_keeps_constants_and_symmetry(height, width, new_height, new_width, antialias):
    img = noise(height, width).astype(np.float32)
    result = resize_bicubic(img, new_height, new_width, antialias)
    assert result.shape == (new_height, new_width, 3)
    assert result.dtype == np.float32
    flipped = resize_bicubic(img[::-1, ::-1], new_height, new_width, antialias)[::-1, ::-1]
    np.testing.assert_allclose(result, flipped, atol=2e-3)
    constant = resize_bicubic(np.full_like(img, 0.7), new_height, new_width, antialias)
    np.testing.assert_allclose(constant, 0.7, atol=1e-6)


@given(sides, sides)
def test_resizing_to_the_same_size_changes_nothing(height, width):
    img = noise(height, width).astype(np.float32)
    assert np.array_equal(resize_bicubic(img, height, width), img)


@pytest.mark.parametrize(("height", "width"), [(160, 120), (25, 31), (20, 15), (40, 90)])
def test_resizing_agrees_with_pillow_away_from_the_edges(height, width):
    # The same kernel and positions, found independently; Pillow leaves out what lies beyond the edges.
    img = noise(40, 45, 1).astype(np.float32)
    theirs = np.asarray(Image.fromarray(img[..., 0]).resize((width, height), Image.Resampling.BICUBIC))
    ours = resize_bicubic(img, height, width)[..., 0]
    y, x = math.ceil(2 * max(1, height / 40)) + 1, math.ceil(2 * max(1, width / 45)) + 1
    np.testing.assert_allclose(ours[y:-y, x:-x], theirs[y:-y, x:-x], atol=1e-3)
    assert np.abs(ours - theirs).max() > 0.1  # the edges are ours: mirrored


def test_resizing_without_antialiasing_picks_neighbours():
    img = np.zeros((16, 16, 1), np.float32)
    img[::4] = 1
    narrow, wide = (resize_bicubic(img, 4, 16, antialias)[1:3] for antialias in (False, True))
    assert narrow.max() < 0
    np.testing.assert_allclose(wide, 0.25, atol=0.05)


def test_upscaling_rounds_and_clamps():
    img = noise(5, 4)
    large = upscale_bicubic8(img, 3)
    assert large.dtype == np.uint8
    exact = resize_bicubic(img.astype(np.float32), 15, 12)
    assert exact.min() < 0
    assert exact.max() > 255
    assert np.array_equal(large, np.rint(np.clip(exact, 0, 255)))


@pytest.mark.parametrize("size", [(0, 4), (4, 0), (-1, 4)])
def test_resizing_refuses_an_empty_size(size):
    with pytest.raises(InputError, match="at least 1x1"):
        resize_bicubic(np.ones((4, 4, 3), np.float32), *size)
