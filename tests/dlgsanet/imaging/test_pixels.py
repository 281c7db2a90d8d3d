"""Arrays of pixels: layouts, and floats to bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlgsanet.errors import InputError
from dlgsanet.imaging.pixels import to_hwc, to_nchw, to_uint8


def test_to_uint8():
    assert to_uint8(np.array([-1.0, 0.0, 0.5 / 255, 0.51 / 255, 1.0, 2.0])).tolist() == [0, 0, 0, 1, 255, 255]
    with pytest.raises(InputError, match="finite"):
        to_uint8(np.array([np.nan]))
    with pytest.raises(InputError, match="int64"):
        to_uint8(np.array([1]))


@given(st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_layouts_there_and_back(height, width, floating):
    rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    nchw = to_nchw(rgb / np.float32(255) if floating else rgb)
    assert nchw.shape == (1, 3, height, width)
    assert nchw.dtype == np.float32
    assert nchw.flags.c_contiguous
    assert nchw.max() <= 1
    np.testing.assert_array_equal(to_uint8(to_hwc(nchw)), rgb)


def test_layouts_do_not_alias_the_caller_s_pixels():
    rgb = np.zeros((2, 2, 3), np.float32)
    to_nchw(rgb)[:] = 1
    assert not rgb.any()


@pytest.mark.parametrize("bad", [np.ones((4, 4)), np.ones((4, 4, 4)), np.ones((0, 4, 3)), np.ones((4, 4, 3), int)])
def test_to_nchw_refuses(bad):
    with pytest.raises(InputError):
        to_nchw(bad)


@pytest.mark.parametrize("shape", [(3, 4, 4), (2, 3, 4, 4)])
def test_to_hwc_refuses(shape):
    with pytest.raises(InputError):
        to_hwc(np.ones(shape))
