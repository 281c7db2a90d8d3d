"""The bound: settable, for a while, and stated in one place."""

from __future__ import annotations

import pytest
from PIL import Image

from dlgsanet.errors import InputError
from dlgsanet.imaging.limits import (
    DEFAULT_MEGAPIXELS,
    TooLargeError,
    at_most,
    bound_text,
    key_text,
    require_file_bytes,
    require_pixels,
)


def test_the_default_and_another_bound() -> None:
    pillow = Image.MAX_IMAGE_PIXELS
    require_pixels(8000, DEFAULT_MEGAPIXELS * 125)
    with pytest.raises(TooLargeError, match="8000x8001 pixels"):
        require_pixels(8000, DEFAULT_MEGAPIXELS * 125 + 1)
    with at_most(400):
        require_pixels(20_000, 20_000)
        assert (bound_text(), key_text(), Image.MAX_IMAGE_PIXELS) == ("400 megapixels", " 400 megapixels", 400_000_000)
    with at_most(0.01), pytest.raises(TooLargeError):
        require_pixels(101, 100)
    assert (bound_text(), key_text(), Image.MAX_IMAGE_PIXELS) == ("64 megapixels", "", pillow)


@pytest.mark.parametrize("size", [(0, 1), (1, -1)])
def test_no_pixels(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="announces"):
        require_pixels(*size)


def test_files_larger_than_any_picture() -> None:
    require_file_bytes(500 << 20)
    with pytest.raises(TooLargeError, match="1024 MiB"):
        require_file_bytes(1 << 30)


@pytest.mark.parametrize("bound", [0, -1, float("nan"), float("inf")])
def test_a_bound_that_is_none(bound: float) -> None:
    with pytest.raises(InputError, match="--max-megapixels"), at_most(bound):
        pass
