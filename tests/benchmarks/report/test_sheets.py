"""Sheets of pictures: nothing is lost, and nearly equal pictures cost nearly nothing."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from benchmarks.records.pictures import png_text
from benchmarks.report.sheets import make_sheet
from dlgsanet.errors import InputError

BOX = (0, 0, 24, 32)
NOISE = np.random.default_rng(4).integers(0, 256, (24, 32, 3)).astype(np.uint8)


def test_every_picture_is_there_bit_by_bit() -> None:
    palette = np.random.default_rng(5).integers(0, 256, (256, 3)).astype(np.uint8)
    indices = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32).astype(np.uint8)
    sheet = make_sheet("k", BOX, {"HR": png_text(NOISE), "error": png_text(indices, palette)})
    assert (sheet.names, sheet.width, sheet.height) == (("HR", "error"), 32, 24)
    data = base64.b64decode(sheet.href.partition("base64,")[2])
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert np.array_equal(pixels, np.concatenate([NOISE, palette[indices]]))


def test_nearly_equal_pictures_share_their_bytes() -> None:
    other = NOISE.copy()
    other[3, 4] ^= 1
    one = make_sheet("k", BOX, {"a": png_text(NOISE)})
    many = make_sheet("k", BOX, {name: png_text(NOISE if name < "c" else other) for name in "abcd"})
    assert len(many.href) < 1.3 * len(one.href)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (png_text(NOISE[:20]), "expected a picture of 32x24 pixels for 'HR' in a result file, found 32x20"),
        (base64.b64encode(b"\x89PNG\r\n\x1a\nnothing").decode(), "cannot be read"),
    ],
)
def test_what_is_no_such_picture_is_refused(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make_sheet("k", BOX, {"HR": text})
