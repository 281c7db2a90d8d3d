"""AVIF and HEIC: bits, colours and what else they say are kept; what would be lost, or is not installed, is said."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dlgsanet.errors import InputError
from dlgsanet.imaging.decode import read_announced, read_samples
from dlgsanet.imaging.files import images_in, list_images, passed_over_line
from dlgsanet.imaging.formats import heif
from dlgsanet.imaging.limits import at_most

pillow_heif = pytest.importorskip("pillow_heif")
if not heif.is_read(heif.AVIF):
    pytest.skip("this Pillow reads no AVIF", allow_module_level=True)
SMALL = np.random.default_rng(0).integers(0, 256, (8, 10, 4), np.uint8)
PIXELS = np.kron(SMALL, np.ones((8, 8, 1), np.uint8))  # 80 wide, 64 high
RGB = Image.fromarray(PIXELS[..., :3])
NCLX = b"nclx" + struct.pack(">HH", 1, 13)


def avif(image: Image.Image = RGB, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, "AVIF", quality=100, subsampling="4:4:4", **options)
    return out.getvalue()


def heic(image: Image.Image = RGB, **options: object) -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, quality=-1, chroma=444, matrix_coefficients=0, **options)
    return out.getvalue()


FILES = {heif.AVIF: avif, heif.HEIC: heic}


def read(tmp_path: Path, data: bytes):
    """By content: the name says nothing."""
    (tmp_path / "picture").write_bytes(data)
    return read_samples(tmp_path / "picture")


def refusal(tmp_path: Path, data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        read(tmp_path, data)
    return str(caught.value)


@pytest.mark.parametrize("kind", FILES)
def test_pixels_come_in(tmp_path: Path, kind: str) -> None:
    samples = read(tmp_path, FILES[kind]())
    assert samples.colour.dtype == np.uint8 and samples.alpha is None
    assert np.abs(samples.colour.astype(int) - PIXELS[..., :3]).max() <= (3 if kind == heif.AVIF else 0)
    alpha = read(tmp_path, FILES[kind](Image.fromarray(PIXELS))).alpha
    assert alpha is not None and np.abs(alpha.astype(int) - PIXELS[..., 3]).max() <= 3


@pytest.mark.parametrize("kind", FILES)
def test_what_they_say_of_themselves_comes_in(tmp_path: Path, kind: str) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x8769] = "Maker", {0xA002: 80}
    icc, xmp = b"profile" * 30, b"<x:xmpmeta/>"
    image = RGB.copy()
    if kind == heif.HEIC:
        image.info.update(icc_profile=icc, exif=exif.tobytes(), xmp=xmp)
        samples = read(tmp_path, heic(image))
    else:
        samples = read(tmp_path, avif(image, icc_profile=icc, exif=exif, xmp=xmp))
    assert samples.space.icc == icc and samples.about.xmp == xmp
    kept = Image.Exif()
    kept.load(samples.about.exif)
    assert kept[0x010F] == "Maker"


@pytest.mark.parametrize("kind", FILES)
def test_a_picture_on_its_side_is_turned_once(tmp_path: Path, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    if kind == heif.AVIF:
        data = avif(exif=exif)
    else:
        made = pillow_heif.from_bytes("RGB", RGB.size, RGB.tobytes())
        made.info["exif"] = exif.tobytes()  # the encoder turns the picture by a box of its own
        made.save(out := io.BytesIO(), quality=-1, chroma=444, matrix_coefficients=0)
        data = out.getvalue()
    found = read(tmp_path, data).colour
    announced = read_announced(tmp_path / "picture")
    assert (announced.height, announced.width, announced.bits) == (80, 64, 8)
    assert np.abs(found.astype(int) - np.rot90(PIXELS[..., :3], -1)).max() <= 3


def test_ten_bits_of_heic_become_sixteen(tmp_path: Path) -> None:
    ten = np.random.default_rng(1).integers(0, 1024, (16, 16, 3)).astype(np.uint16)
    ten[0, 0] = 1023
    out = io.BytesIO()
    made = pillow_heif.from_bytes("RGB;16", (16, 16), (ten << 6).tobytes())
    made.save(out, quality=-1, chroma=444, matrix_coefficients=0)
    samples = read(tmp_path, out.getvalue())
    assert read_announced(tmp_path / "picture").bits == 16
    assert samples.peak == 65535 and samples.colour[0, 0].tolist() == [65535] * 3
    assert np.array_equal(samples.colour, np.rint(ten / 1023 * 65535))


def test_ten_bits_of_avif_are_not_cut(tmp_path: Path) -> None:
    data = bytearray(avif())
    data[data.index(b"av1C") + 6] |= 0x40
    assert "AVIF of 10 bits would be cut to 8" in refusal(tmp_path, bytes(data))


@pytest.mark.parametrize("kind", FILES)
def test_colours_by_number_are_kept(tmp_path: Path, kind: str) -> None:
    data = FILES[kind]()
    assert read(tmp_path, data).space.chunks == ((b"sRGB", b"\0"),)
    wide = data.replace(NCLX, b"nclx" + struct.pack(">HH", 12, 13))
    assert read(tmp_path, wide).space.chunks == ((b"cICP", bytes([12, 13, 0, 1])),)


@pytest.mark.parametrize("kind", FILES)
def test_without_its_decoder_the_extra_is_named(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"a{heif.SUFFIXES[kind][0]}"
    (tmp_path / name).write_bytes(FILES[kind]())
    assert list_images(tmp_path) == [tmp_path / name]
    monkeypatch.setattr(heif, "is_read", lambda kind: False)
    with pytest.raises(InputError, match=rf'{kind} is not read here: pip install "dlgsanet-edge\[heif\]"'):
        read_samples(tmp_path / name)
    assert images_in(tmp_path) == []
    assert passed_over_line(tmp_path).endswith(f'(pip install "dlgsanet-edge[heif]"): {name}')


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("missing", [1, 200, 2000])
def test_a_file_that_is_cut_is_refused(tmp_path: Path, kind: str, missing: int) -> None:
    data = FILES[kind]()
    assert "damaged" in refusal(tmp_path, data[: max(len(data) - missing, 40)])


@pytest.mark.parametrize("kind", FILES)
def test_the_bound_is_judged_by_the_header(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    monkeypatch.setattr(heif, "open_heic", opened.append)
    monkeypatch.setattr(Image, "open", lambda *words, **options: opened.append(words))
    with at_most(0.005):
        assert "80x64 pixels" in refusal(tmp_path, FILES[kind]())
    assert opened == []


def test_several_pictures_and_what_lies_beside_one(tmp_path: Path) -> None:
    frames = avif(RGB, save_all=True, append_images=[RGB.rotate(180)])
    assert "found 2 frames" in refusal(tmp_path, frames)
    image = RGB.copy()
    image.info["aux"] = {"urn:com:apple:photo:2020:aux:hdrgainmap": [7]}
    assert "gain map" in heif.beside(image)[0] and heif.beside(RGB) == ()


@pytest.mark.parametrize("brand", [b"qt  ", b"crx ", b"isom"])
def test_other_files_of_the_family_are_neither(brand: bytes) -> None:
    data = struct.pack(">I", 20) + b"ftyp" + brand + bytes(4) + b"mp42"
    assert heif.kind_of(data) is None
    assert heif.kind_of(data[:16] + b"heic") == heif.HEIC
