"""Colour by the standards: known patches, round trips, ranges, depths, and what untold tags mean."""

from __future__ import annotations

import numpy as np
import pytest

from dlgsanet.errors import InputError
from runtimes.upscale.video import colour
from runtimes.upscale.video.colour import LAYOUTS, Colour, resolve, to_planes, to_rgb

PATCHES = {"black": (0, 0, 0), "white": (1, 1, 1), "red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}
# Y', Cb, Cr of 100 % colours in 8 bits of limited range, from ITU-R BT.601 and BT.709.
KNOWN = {
    (6, "red"): (81, 90, 240),
    (6, "green"): (145, 54, 34),
    (6, "blue"): (41, 240, 110),
    (1, "red"): (63, 102, 240),
    (1, "green"): (173, 42, 26),
    (1, "blue"): (32, 240, 118),
    (1, "black"): (16, 128, 128),
    (1, "white"): (235, 128, 128),
}


def patch(colour: tuple[float, ...], height: int = 6, width: int = 10) -> np.ndarray:
    return np.tile(np.array(colour, np.float32)[:, None, None], (1, height, width))


@pytest.mark.parametrize(("matrix", "name"), KNOWN)
def test_known_patches(matrix, name):
    planes = to_planes(patch(PATCHES[name]), LAYOUTS["yuv420p"], Colour(matrix, matrix, matrix, False))
    assert [int(plane[0, 0]) for plane in planes] == list(KNOWN[matrix, name])
    assert all((plane == plane[0, 0]).all() for plane in planes)


def test_ten_bits_and_full_range_of_white():
    white = patch(PATCHES["white"])
    ten = to_planes(white, LAYOUTS["yuv420p10le"], Colour(1, 1, 1, False))
    assert [int(plane[0, 0]) for plane in ten] == [940, 512, 512] and ten[0].dtype == np.uint16
    full = to_planes(white, LAYOUTS["yuv444p"], Colour(1, 1, 1, True))
    assert [int(plane[0, 0]) for plane in full] == [255, 128, 128]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [1, 5, 6, 9])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv444p12le"])
def test_round_trips_stay_within_the_rounding_of_the_samples(pixels, matrix, full):
    layout, colour = LAYOUTS[pixels], Colour(matrix, matrix, matrix, full)
    most = 1.7 / (1 << (layout.bits - 8)) / 255  # half a step of three planes, as the matrix adds them up
    for values in np.random.default_rng(matrix).random((20, 3)):
        there = to_planes(patch(tuple(values), 5, 7), layout, colour)
        assert np.abs(to_rgb(there, layout, colour) - patch(tuple(values), 5, 7)).max() < most


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p10le", "yuv444p"])
def test_bands_made_anew_are_as_they_are_in_the_whole(pixels):
    layout, values = LAYOUTS[pixels], Colour(1, 1, 1, False)
    before, after = np.random.default_rng(1).random((2, 3, 111, 53), np.float32)
    after[:, : colour.BAND] = before[:, : colour.BAND]
    planes = to_planes(before, layout, values)
    colour.put_planes(planes, after[:, colour.BAND :].copy(), colour.BAND, layout, values)
    for one, other in zip(planes, to_planes(after, layout, values), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("rows", [1, 31, 33, 64, 95])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p10le", "yuv444p"])
def test_bands_of_rows_change_nothing(pixels, rows, monkeypatch):
    layout, values = LAYOUTS[pixels], Colour(1, 1, 1, False)
    rgb = np.random.default_rng(rows).random((3, rows, 37), np.float32)
    banded = to_planes(rgb, layout, values)
    monkeypatch.setattr(colour, "BAND", 1000)
    whole = to_planes(rgb, layout, values)
    for one, other in zip(banded, whole, strict=True):
        assert one.shape == other.shape and np.abs(one.astype(int) - other).max() <= 1  # the last bit of a sum
        assert (one == other).mean() > 0.99


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [1, 6])
@pytest.mark.parametrize("pixels", ["yuv444p", "yuv444p10le"])
def test_pictures_come_back_as_they_were(pixels, matrix, full):
    layout, values = LAYOUTS[pixels], Colour(matrix, matrix, matrix, full)
    there = to_planes(np.random.default_rng(matrix).random((3, 200, 300), np.float32), layout, values)
    back = to_planes(to_rgb(there, layout, values)[0], layout, values)
    for one, other in zip(there, back, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1
        assert (one != other).mean() <= 3e-4


def test_chroma_lies_on_even_columns_and_between_rows():
    """A ramp is a ramp again, away from its ends: the two filters agree on where a sample lies."""
    layout, colour = LAYOUTS["yuv420p10le"], Colour(1, 1, 1, True)
    across = np.linspace(0.2, 0.8, 32, dtype=np.float32)
    ramp = np.stack([np.tile(across, (16, 1)), np.full((16, 32), 0.5, np.float32), np.tile(across[:16, None], (1, 32))])
    back = to_rgb(to_planes(ramp, layout, colour), layout, colour)[0]
    assert np.abs(back - ramp)[:, 2:-2, 2:-2].max() < 0.004
    shifted = np.roll(ramp, 1, axis=2)  # one column is seen
    assert np.abs(back - shifted)[:, 2:-2, 2:-2].max() > 0.01


def test_what_lies_outside_is_clipped():
    planes = tuple(np.full((2, 2), value, np.uint8) for value in (254, 128, 250))
    rgb = to_rgb(planes, LAYOUTS["yuv444p"], Colour(1, 1, 1, False))
    assert rgb.max() == 1 and rgb.min() >= 0 and rgb.dtype == np.float32


@pytest.mark.parametrize(
    ("tags", "rows", "expected"),
    [
        ((2, 2, 2), 576, Colour(6, 6, 6, False, True)),
        ((2, 2, 2), 720, Colour(1, 1, 1, False, True)),
        ((5, 2, 2), 576, Colour(5, 5, 6, False)),
        ((1, 9, 16), 100, Colour(1, 9, 16, False)),
        ((9, 2, 2), 2160, Colour(9, 2, 2, False)),
    ],
)
def test_what_the_tags_mean(tags, rows, expected):
    assert resolve(*tags, False, rows) == expected


@pytest.mark.parametrize("matrix", [0, 8, 10, 14])
def test_a_matrix_of_another_kind_is_refused(matrix):
    with pytest.raises(InputError, match=f"found matrix {matrix}"):
        resolve(matrix, 2, 2, False, 100)
