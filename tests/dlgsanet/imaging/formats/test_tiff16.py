"""Sixteen bits of TIFF: every bit in and out, in every layout; another reader and writer stand on the other side."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dlgsanet.errors import InputError
from dlgsanet.imaging.decode import read_samples
from dlgsanet.imaging.files import read_picture, write_picture
from dlgsanet.imaging.formats import tiff16
from dlgsanet.imaging.metadata import Metadata

tifffile = pytest.importorskip("tifffile")
PIXELS = np.random.default_rng(4).integers(0, 65536, (70, 23, 4), np.uint16)
PLAIN = {"photometric": "rgb", "metadata": None}


def stored(path: Path, pixels: np.ndarray, **options: object) -> Path:
    tifffile.imwrite(path, pixels, **{**PLAIN, **options})
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": True},
        {"rowsperstrip": 16},
        {"tile": (32, 16), "compression": "zlib"},
        {"tile": (32, 16)},
    ],
    ids=str,
)
def test_colours_come_in_whole(tmp_path: Path, order: str, layout: dict[str, object]) -> None:
    path = stored(tmp_path / "a.tif", PIXELS[..., :3], byteorder=order, **layout)
    samples = read_samples(path)
    assert samples.colour.dtype == np.uint16 and not samples.grey
    assert np.array_equal(samples.colour, PIXELS[..., :3])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packing", [None, "zlib"])
def test_alpha_and_a_channel_of_no_meaning(tmp_path: Path, order: str, packing: str | None) -> None:
    options = {"byteorder": order, "compression": packing}
    samples = read_samples(stored(tmp_path / "a.tif", PIXELS, extrasamples=["unassalpha"], **options))
    assert samples.alpha is not None
    assert np.array_equal(np.dstack([samples.colour, samples.alpha]), PIXELS)
    samples = read_samples(stored(tmp_path / "b.tif", PIXELS, extrasamples=["unspecified"], **options))
    assert np.array_equal(samples.colour, PIXELS[..., :3]) and samples.alpha is None
    assert samples.space.dropped == ("a further channel of no stated meaning",)


@pytest.mark.parametrize("white", [False, True])
@pytest.mark.parametrize("packing", [None, "zlib"])
def test_grey_comes_in_whole(tmp_path: Path, white: bool, packing: str | None) -> None:
    kind = "miniswhite" if white else "minisblack"
    path = stored(tmp_path / "a.tif", PIXELS[..., 0], photometric=kind, compression=packing)
    expected = 65535 - PIXELS[..., 0] if white else PIXELS[..., 0]
    samples = read_samples(path)
    assert samples.grey and np.array_equal(samples.colour[..., 0], expected)


def test_big_files_come_in_whole(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.tif", PIXELS[..., :3], byteorder="<", bigtiff=True)
    assert np.array_equal(read_samples(path).colour, PIXELS[..., :3])


def test_lzw_as_scanners_write_it(tmp_path: Path) -> None:
    Image.fromarray(PIXELS[..., 0]).save(tmp_path / "a.tif", compression="tiff_lzw")
    assert np.array_equal(read_samples(tmp_path / "a.tif").colour[..., 1], PIXELS[..., 0])


def test_a_picture_on_its_side_is_turned_once(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.tif", PIXELS[..., :3], extratags=[(274, "H", 1, 6, True)])
    assert np.array_equal(read_samples(path).colour, np.rot90(PIXELS[..., :3], -1))


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"planarconfig": "separate"}, "16 bits in separate planes"),
        ({"extrasamples": ["assocalpha"]}, "premultiplied alpha"),
    ],
)
def test_what_would_be_read_wrong_is_refused(tmp_path: Path, options: dict[str, object], found: str) -> None:
    pixels = PIXELS.transpose(2, 0, 1)[:3] if "planarconfig" in options else PIXELS
    with pytest.raises(InputError, match=found):
        read_samples(stored(tmp_path / "a.tif", np.ascontiguousarray(pixels), **options))


@pytest.mark.parametrize(("grey", "alpha"), [(False, False), (False, True), (True, False)])
def test_what_is_written_is_read_by_others(tmp_path: Path, grey: bool, alpha: bool) -> None:
    colour = np.repeat(PIXELS[..., :1], 3, axis=2) if grey else PIXELS[..., :3]
    opacity = PIXELS[..., 3] if alpha else None
    icc = b"profile" * 30
    exif = Image.Exif()
    exif[0x010F], exif[0x8769] = "Maker", {0xA002: 23, 0x829A: 0.01}
    about = Metadata(b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0"), b"<x:xmpmeta/>", (300.0, 150.0))
    write_picture(tmp_path / "a.tif", colour, opacity, 16, grey, icc, about=about)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        page = file.pages[0]
        kept = {tag.code: tag.value for tag in page.tags}
    assert kept[258] in ((16,) * 4, (16,) * 3, 16) and kept[317] == 2
    assert (kept[34675], kept[271], kept[700]) == (icc, "Maker", b"<x:xmpmeta/>")
    assert kept[34665]["PixelXDimension"] == 23
    assert (kept[282], kept[283]) == ((300, 1), (150, 1))
    back = read_picture(tmp_path / "a.tif")
    assert (back.bits, back.grey, back.icc) == (16, grey, icc)
    assert (back.about.xmp, back.about.dpi) == (about.xmp, about.dpi)
    assert np.array_equal(np.rint(back.rgb.astype(np.float64) * 65535), colour)
    assert (back.alpha is not None) == alpha


def test_a_file_beyond_what_tiff_holds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff16, "_LONGEST", 1 << 20)
    with pytest.raises(InputError, match=r"TIFF holds 4 GiB; use \.png"):
        write_picture(tmp_path / "a.tif", PIXELS[..., :3], bits=16)
    assert list(tmp_path.iterdir()) == []


def test_pillow_reads_the_size_of_what_is_written() -> None:
    data = tiff16.tiff16_bytes(PIXELS[..., :3], None, Image.Exif(), None)
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (23, 70)
