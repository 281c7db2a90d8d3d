"""What is not known is left to others; the weights of a pixel sum to one."""

from __future__ import annotations

import numpy as np
import pytest

from export.networks.arithmetic.resampling import resampled

X = np.random.default_rng(0).random((1, 2, 6, 7))
BY = np.asarray([1, 1, 2, 2], np.float64)
UNKNOWN = (("area", "half_pixel", ""), ("linear", "tf_crop_and_resize", ""), ("nearest", "half_pixel", "up"))


@pytest.mark.parametrize("how", UNKNOWN)
def test_what_is_not_known(how: tuple[str, str, str]) -> None:
    assert resampled(X, BY, None, how) is None


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_a_plain_picture_stays_plain(mode: str) -> None:
    found = resampled(np.full((1, 1, 5, 6), 0.3), BY, None, (mode, "half_pixel", "round_prefer_floor"))
    assert found is not None and found.shape == (1, 1, 10, 12)
    np.testing.assert_allclose(found, 0.3, rtol=1e-14)


def test_without_sizes_there_is_nothing_to_do() -> None:
    assert resampled(X, None, None, ("linear", "half_pixel", "")) is None
