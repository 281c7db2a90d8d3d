"""What files declare about colours: kept as PNG's chunks, or said."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dlgsanet.imaging.colour_space import ColourSpace, png_chunk, png_chunks
from dlgsanet.imaging.files import read_picture, write_picture

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8))
ADOBE = (
    (b"gAMA", struct.pack(">I", 45471)),
    (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)),
)
CHUNKS = ((b"gAMA", struct.pack(">I", 100_000)), (b"cHRM", bytes(32)), (b"sRGB", b"\0"), (b"cICP", b"\x09\x10\0\1"))


def space_of(path: Path, data: bytes) -> ColourSpace:
    path.write_bytes(data)
    return read_picture(path).space


def saved(form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    PICTURE.save(stream, form, **options)
    return stream.getvalue()


def exif(inner: dict[int, Any], rule: str = "") -> Image.Exif:
    found = Image.Exif()
    found[0x8769] = {**inner, **({0xA005: {1: rule}} if rule else {})}
    return found


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("grey", [False, True])
def test_chunks_of_a_png_come_back(tmp_path: Path, bits: int, grey: bool) -> None:
    pixels = np.zeros((3, 4, 3))
    write_picture(tmp_path / "x.png", pixels, bits=bits, grey=grey, icc=b"profile", chunks=CHUNKS)
    assert read_picture(tmp_path / "x.png").space == ColourSpace(b"profile", CHUNKS)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_exif_says_adobe_rgb_or_srgb_or_nothing(tmp_path: Path, form: str) -> None:
    path = tmp_path / "x"
    assert space_of(path, saved(form, exif=exif({0xA001: 65535}, "R03"))) == ColourSpace(None, ADOBE)
    assert space_of(path, saved(form, exif=exif({0xA001: 2}))) == ColourSpace(None, ADOBE)
    assert space_of(path, saved(form, exif=exif({0xA001: 1}))) == ColourSpace(None, ((b"sRGB", b"\0"),))
    assert space_of(path, saved(form, exif=exif({0xA001: 65535}))).dropped == ("an uncalibrated EXIF colour space",)
    assert space_of(path, saved(form)) == ColourSpace()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_an_icc_profile_outranks_exif(tmp_path: Path, form: str) -> None:
    options = {} if form == "TIFF" else {"exif": exif({0xA001: 65535}, "R03")}
    assert space_of(tmp_path / "x", saved(form, icc_profile=b"profile", **options)) == ColourSpace(b"profile")


def test_tiff_tags(tmp_path: Path) -> None:
    tags = {318: (0.3127, 0.329), 319: (0.64, 0.33, 0.21, 0.71, 0.15, 0.06)}
    assert space_of(tmp_path / "x", saved("TIFF", tiffinfo=tags)).chunks == ADOBE[1:]


def test_what_is_dropped_is_said(tmp_path: Path) -> None:
    damaged = saved("PNG")
    damaged = damaged[:33] + png_chunk(b"iCCP", b"x\0\0no deflate") + damaged[33:]
    assert space_of(tmp_path / "x", damaged).dropped == ("an ICC profile that cannot be read",)
    header = struct.pack("<IiiHHIIiiII", 124, 2, 1, 1, 24, 0, 8, 0, 0, 0, 0).ljust(56, b"\0") + b"DEBM"
    bitmap = b"BM" + struct.pack("<IHHI", 0, 0, 0, 138) + header.ljust(124, b"\0") + bytes(8)
    assert space_of(tmp_path / "x", bitmap).dropped == ("the bitmap's own colour space",)
    four = io.BytesIO()
    Image.new("RGBX", (4, 4)).save(four, "TIFF")
    assert space_of(tmp_path / "x", four.getvalue()).dropped == ("a further channel of no stated meaning",)
    behind = saved("MPO", save_all=True, append_images=[PICTURE])
    assert "gain map" in space_of(tmp_path / "x", behind).dropped[0]


def test_a_chunk_is_framed_as_in_a_file() -> None:
    assert png_chunks([(b"IEND", b"")]) == b"\0\0\0\0IEND\xaeB`\x82"
