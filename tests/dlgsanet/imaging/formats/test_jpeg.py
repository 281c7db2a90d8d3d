"""JPEG files of every kind that is read, whole and cut; those of kinds that are not."""

from __future__ import annotations

import io
import struct
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dlgsanet.imaging.formats.jpeg import read_jpeg, require_whole_scans
from dlgsanet.imaging.formats.refusal import NotReadError
from dlgsanet.imaging.limits import TooLargeError

DOWN, ACROSS = np.mgrid[0:90, 0:122]
NOISE = np.random.default_rng(0).integers(0, 9, (90, 122, 3), np.uint8)
PICTURE = Image.fromarray(np.dstack([ACROSS * 2, DOWN * 2, ACROSS + DOWN]).astype(np.uint8) // 2 + NOISE)
KINDS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "full colour": {"subsampling": 0, "quality": 100},
    "progressive": {"progressive": True, "quality": 95},
    "restarts": {"restart_marker_blocks": 1},
    "progressive with restarts": {"progressive": True, "restart_marker_blocks": 5},
    "optimized": {"optimize": True, "subsampling": 1},
}
EOI = b"\xff\xd9"


def jpeg(picture: Image.Image = PICTURE, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", **options)
    return stream.getvalue()


def check(data: bytes) -> None:
    facts = read_jpeg(data)
    with Image.open(io.BytesIO(data)) as image:
        require_whole_scans(data, facts, np.asarray(image))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_whole_files_pass_and_cut_scans_do_not(kind: str, mode: str) -> None:
    data = jpeg(PICTURE.convert(mode), **KINDS[kind])
    check(data)
    check(data + b"junk behind the picture")
    assert (read_jpeg(data).width, read_jpeg(data).height) == (122, 90)
    for lost in (3, 20, 200):
        with pytest.raises(ValueError, match=r"cut before its end|restart markers"):
            check(data[: -2 - lost] + EOI)


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_flat_pictures_are_whole(colour: int) -> None:
    for options in KINDS.values():
        check(jpeg(Image.new("RGB", (300, 200), (colour,) * 3), **options))


def test_a_progressive_file_without_its_later_scans() -> None:
    data = jpeg(progressive=True)
    starts = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
    assert len(starts) > 5
    for start in starts[1:]:
        with pytest.raises(ValueError, match="scans are missing"):
            check(data[:start] + EOI)


def test_lost_restart_intervals() -> None:
    data = jpeg(restart_marker_blocks=4)
    first, third = data.index(b"\xff\xd1"), data.index(b"\xff\xd3")
    with pytest.raises(ValueError, match="restart markers"):
        check(data[:first] + data[third:])
    with pytest.raises(ValueError, match="cut before its end"):
        check(data[: first - 12] + data[first:])


def changed(offset: int, content: bytes) -> bytes:
    """With other bytes behind the frame's marker."""
    data = jpeg()
    at = data.index(b"\xff\xc0") + offset
    return data[:at] + content + data[at + len(content) :]


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (changed(1, b"\xc9"), NotReadError, "arithmetic"),
        (changed(1, b"\xc3"), NotReadError, "lossless"),
        (changed(4, b"\x0c"), NotReadError, "found 12"),
        (changed(5, b"\0\0"), ValueError, "122x0"),
        (changed(5, struct.pack(">H", 180)), ValueError, "cut before its end"),
        (changed(5, struct.pack(">H", 40)), ValueError, "more than its size announces"),
        (changed(5, b"\xff\xdc\xff\xdc"), TooLargeError, "65500x65500"),
        (jpeg()[:-2], ValueError, "ends before"),
        (jpeg()[:300], ValueError, "."),
        (jpeg()[:2] + EOI, ValueError, "no picture"),
        (jpeg()[:2] + b"\xff\xfe\0\2" * 20_000 + jpeg()[2:], ValueError, "more pieces"),
        (jpeg()[:2] + b"\xff" * 10**7 + jpeg()[2:], ValueError, "more pieces"),
    ],
)
def test_what_is_refused(data: bytes, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        check(data)


def test_bytes_that_fill_up_before_markers_are_none_of_the_scan() -> None:
    data = jpeg(restart_marker_blocks=4)
    filled = data
    for marker in (b"\xff\xd1", b"\xff\xd9"):
        filled = filled.replace(marker, b"\xff" * 9 + marker)
    check(filled)
    assert len(read_jpeg(filled).scans[0].restarts) == len(read_jpeg(data).scans[0].restarts)


def test_hostile_files_cost_little() -> None:
    begin = time.process_time()
    data = jpeg()
    with pytest.raises(ValueError, match=r"cut before its end|ends before"):
        check(data[:700] + b"\xff" * 10**6 + b"\0" + EOI)
    tiny = data.index(b"\xff\xc0") + 5
    with pytest.raises(ValueError, match="cut before its end"):
        read_jpeg(data[:tiny] + struct.pack(">HH", 8000, 8000) + data[tiny + 4 :])
    assert time.process_time() - begin < 2


def test_noise_that_makes_a_marker_is_no_verdict() -> None:
    stuffed = 0
    for seed in range(400):  # until a stuffed byte lies where the noise begins
        rng = np.random.default_rng(seed)
        data = jpeg(Image.fromarray(rng.integers(0, 256, (24, 24, 3), np.uint8)), quality=100)
        end = read_jpeg(data).scans[0].end
        if data[end - 33] == 0xFF:
            stuffed += 1
            check(data)
    assert stuffed
