"""What a file says of its picture: true of another size, and dropped with a word where it is damaged."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from dlgsanet.imaging.files import read_picture
from dlgsanet.imaging.metadata import NOTHING, Metadata, described_by


def test_sizes_in_xmp_are_set_in_both_forms() -> None:
    packet = b"<tiff:ImageWidth>9</tiff:ImageWidth> tiff:ImageLength='12' <tiff:Orientation>8</tiff:Orientation>"
    assert Metadata(xmp=packet).sized(18, 24).xmp == (
        b"<tiff:ImageWidth>18</tiff:ImageWidth> tiff:ImageLength='24' <tiff:Orientation>1</tiff:Orientation>"
    )


def test_a_picture_that_says_nothing_has_nothing() -> None:
    with Image.new("RGB", (4, 4)) as image:
        assert described_by(image) == (NOTHING, ())
    assert NOTHING.sized(8, 8) == NOTHING


@pytest.mark.parametrize("dpi", [(0, 0), (float("nan"), 72), (72,), ("a", "b"), 72, (1e9, 72)])
def test_a_resolution_that_is_none_is_left_out(dpi: object) -> None:
    with Image.new("RGB", (4, 4)) as image:
        image.info["dpi"] = dpi
        assert described_by(image)[0].dpi is None


def test_what_is_too_long_for_a_jpeg_is_said(tmp_path) -> None:
    with Image.fromarray(np.zeros((4, 4, 3), np.uint8)) as image:
        exif = Image.Exif()
        exif[0x8769] = {0x927C: bytes(70_000)}
        image.save(tmp_path / "a.webp", exif=exif, xmp=b"x" * 70_000)
    picture = read_picture(tmp_path / "a.webp")
    assert picture.about == NOTHING
    assert picture.space.dropped == ("EXIF of more than 64 kB", "XMP of more than 64 kB")
