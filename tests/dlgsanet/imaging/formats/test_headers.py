"""Sizes by the header, GIFs whose codes end early, bitmaps that lie and Netpbm that takes minutes."""

from __future__ import annotations

import io
import struct
import time

import numpy as np
import pytest
from PIL import Image

from dlgsanet.imaging.formats.headers import is_webp, require_bmp, require_gif, require_netpbm, require_webp
from dlgsanet.imaging.limits import TooLargeError


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


@pytest.mark.parametrize("colours", [2, 3, 16, 200, 256])
def test_every_pixel_of_a_gif_is_counted(colours: int) -> None:
    rng = np.random.default_rng(colours)
    for height, width in ((1, 1), (7, 90), (61, 150)):
        require_gif(saved(Image.fromarray(rng.integers(0, colours, (height, width), np.uint8)), "GIF"))


def gif(codes: list[int], width: int, height: int) -> bytes:
    """Two colours, codes of three bits each: as long as the table has fewer than eight entries."""
    bits = "".join(reversed([f"{code:03b}" for code in codes]))
    packed = int(bits, 2).to_bytes(-(-len(bits) // 8), "little")
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    picture = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0)
    return head + picture + bytes([2, len(packed)]) + packed + b"\0;"


def test_codes_that_end_early_or_late() -> None:
    clear, end = 4, 5
    require_gif(gif([clear, 0, 1, end], 2, 1))
    for width in (1, 3):
        with pytest.raises(ValueError, match="pixels are missing, or more"):
            require_gif(gif([clear, 0, 1, end], width, 1))


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 80}, {"lossless": True, "exif": b"Exif\0\0"}])
def test_webp_sizes(options: dict[str, object]) -> None:
    data = saved(Image.new("RGB", (1000, 7)), "WEBP", **options)
    assert is_webp(data) and not is_webp(b"RIFF")
    require_webp(data)
    with pytest.raises(ValueError, match="ends before"):
        require_webp(data[:-1])


def test_sizes_beyond_the_bound() -> None:
    canvas = b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<II", 10, 0) + b"\xff\x3f\0\xff\x3f\0"
    with pytest.raises(TooLargeError, match="16384x16384"):
        require_webp(canvas)
    with pytest.raises(TooLargeError, match="65535x65535"):
        require_gif(b"GIF89a" + b"\xff" * 4 + bytes(20))


def test_a_bitmap_s_header_is_no_part_of_its_pixels() -> None:
    data = saved(Image.new("RGB", (9, 7)), "BMP")
    for start in (0, 54, 55):
        require_bmp(data[:10] + struct.pack("<I", start) + data[14:])
    with pytest.raises(ValueError, match="within its header"):
        require_bmp(data[:10] + struct.pack("<I", 53) + data[14:])


@pytest.mark.parametrize(
    "data",
    [
        b"P6\n#" + b"c" * 10**7 + b"\n1 1\n255\nabc",
        b"P5" + b"\n" * 10**7 + b"1 1 255 a",
        b"P4\n1 " + b"#\n" * 10**6 + b"1\na",
        b"P3\n1 1 255 " + b"#\n" * 10**6 + b"1 2 3",
    ],
)
def test_netpbm_that_would_be_read_byte_by_byte(data: bytes) -> None:
    begin = time.process_time()
    with pytest.raises(ValueError, match="more than 64 KiB"):
        require_netpbm(data)
    assert time.process_time() - begin < 1


@pytest.mark.parametrize(
    "data", [b"P6\n#x\n1 1\n255\n" + b"#" * 10**5, b"P3\n1 1 255 1 2 3 #x\n" + b" " * 10**5, b"P5"]
)
def test_other_netpbm_is_left_to_pillow(data: bytes) -> None:
    require_netpbm(data)
