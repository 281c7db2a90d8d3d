"""`upscale` with files as people have them: what they say of themselves, folders half done, files that are odd."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dlgsanet.errors import InputError
from dlgsanet.imaging.files import read_picture, write_picture
from tests.runtimes.upscale.twice import upscale

RNG = np.random.default_rng(5)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" exif:PixelXDimension="9"/></x:xmpmeta>'
)


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    """A photograph 9 wide and 12 high, stored lying on its side."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x8298] = 6, "Maker", "Somebody"
    exif[0x8769] = {0xA002: 12, 0xA003: 9, 0x829A: 0.01}
    exif[0x8825] = {1: "N", 2: (1.0, 2.0, 3.0)}
    with Image.new("RGB", (12, 9), (10, 200, 30)) as image:
        image.save(tmp_path / "camera.jpg", exif=exif, dpi=(300, 300), xmp=XMP, icc_profile=b"profile" * 20)
    return tmp_path / "camera.jpg"


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff"])
def test_what_a_file_says_of_itself_is_kept(camera: Path, tmp_path: Path, suffix: str) -> None:
    big = tmp_path / f"big.{suffix}"
    upscale(camera, "-o", big)
    with Image.open(big) as image:
        image.load()
        exif, info = image.getexif(), image.info
        assert image.size == (18, 24)
        assert (exif.get(0x0112, 1), exif[0x010F], exif[0x8298]) == (1, "Maker", "Somebody")
        inner, place = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
        assert (inner[0xA002], inner[0xA003], float(inner[0x829A])) == (18, 24, 0.01)
        assert (place[1], tuple(map(float, place[2]))) == ("N", (1.0, 2.0, 3.0))
        xmp = info.get("xmp") or info["XML:com.adobe.xmp"].encode()
        assert xmp == XMP.replace(b'Orientation="6"', b'Orientation="1"').replace(b'"9"', b'"18"')
        assert info["icc_profile"] == b"profile" * 20
        if suffix != "webp":  # which has it in EXIF alone
            assert tuple(map(round, info["dpi"])) == (300, 300)


def test_strip_leaves_the_colours_alone(camera: Path, tmp_path: Path) -> None:
    upscale(camera, "-o", tmp_path / "out", "--format", "same", "--strip")
    with Image.open(tmp_path / "out" / "camera_x2.jpg") as image:
        assert not image.getexif() and "xmp" not in image.info
        assert image.info["icc_profile"] == b"profile" * 20


def test_damaged_exif_is_dropped_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = Image.Exif()
    odd[0x8769] = {0x9003: "2020:01:01 00:00:00"}
    block = odd.tobytes().replace(b"\x03\x90\x02\x00", b"\x03\x90\x63\x00")
    Image.new("RGB", (9, 12)).save(tmp_path / "a.jpg", exif=block)
    upscale(tmp_path / "a.jpg", "-o", tmp_path / "out")
    assert read_picture(tmp_path / "out" / "a_x2.png").rgb.shape == (24, 18, 3)


@pytest.mark.parametrize(("bits", "alpha", "found"), [(16, False, "16 bits"), (8, True, "transparent pixels")])
def test_what_a_format_cannot_hold_is_refused(tmp_path: Path, bits: int, alpha: bool, found: str) -> None:
    write_picture(tmp_path / "a.png", RNG.random((8, 8, 3)), RNG.random((8, 8)) if alpha else None, bits=bits)
    with pytest.raises(InputError, match=f"cannot keep {found} of .*a.png in a .jpg; use --format png"):
        upscale(tmp_path / "a.png", "-o", tmp_path / "out", "--format", "jpg")
    assert not (tmp_path / "out").exists()


def test_sixteen_bits_of_tiff_stay(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 65536, (7, 9, 3), np.uint16)
    write_picture(tmp_path / "a.tif", pixels, bits=16)
    upscale(tmp_path / "a.tif", "-o", tmp_path / "out", "--format", "same")
    back = read_picture(tmp_path / "out" / "a_x2.tif")
    assert back.bits == 16
    assert np.array_equal(np.rint(back.rgb[::2, ::2].astype(np.float64) * 65535), pixels)


def test_quality_is_taken(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", RNG.random((40, 40, 3)))
    for form in ("jpg", "webp"):
        for quality in (10, 90):
            upscale(tmp_path / "a.png", "-o", tmp_path / f"{quality}", "--format", form, "--quality", quality)
        small, large = (tmp_path / f"{quality}" / f"a_x2.{form}" for quality in (10, 90))
        assert small.stat().st_size < large.stat().st_size / 2


def test_compression_is_taken_for_png_alone(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", RNG.random((40, 40, 3)))
    for compression in (0, 9):
        upscale(tmp_path / "a.png", "-o", tmp_path / f"{compression}", "--compression", compression)
    large, small = (tmp_path / f"{compression}" / "a_x2.png" for compression in (0, 9))
    assert small.stat().st_size < 0.9 * large.stat().st_size
    for words in (["-o", tmp_path / "out", "--format", "jpg"], ["-o", tmp_path / "out.webp"]):
        with pytest.raises(InputError, match="--compression is for PNG"):
            upscale(tmp_path / "a.png", *words, "--compression", 9)


def test_a_run_goes_on_where_another_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "in"
    for name in ("a.png", "b.png"):
        write_picture(folder / name, RNG.random((8, 8, 3)))
    upscale(folder / "a.png", "-o", folder)  # beside its input
    before = (folder / "a_x2.png").read_bytes()
    for done in (["b_x2.png"], []):
        capsys.readouterr()
        upscale(folder, "-o", folder, "--skip-existing", "--json")
        facts = json.loads(capsys.readouterr().out)
        assert [Path(it["target"]).name for it in facts["pictures"]] == done
    assert [Path(name).name for name in facts["skipped"]] == ["a_x2.png", "b_x2.png"]
    assert (folder / "a_x2.png").read_bytes() == before
    assert len(list(folder.iterdir())) == 4


def test_odd_files_do_not_stop_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_picture(tmp_path / "in" / "a.png", RNG.random((8, 8, 3)))
    (tmp_path / "in" / "b.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"1 of 2 pictures were not upscaled: '.*b.png'"):
        upscale(tmp_path / "in", "-o", tmp_path / "out", "--keep-going")
    said = capsys.readouterr()
    assert said.out == f"{tmp_path / 'out' / 'a_x2.png'}\n"
    assert "failed: expected PNG" in said.err


@pytest.mark.parametrize("name", ["big.png", "big.BMP", "big.gif", "big.heic", "big.jxl"])
def test_no_folder_is_called_like_a_picture(tmp_path: Path, name: str) -> None:
    """Several pictures, or one in a format that is not written: a folder `big.bmp` is what nobody meant."""
    for each in ("a.png", "b.png"):
        write_picture(tmp_path / each, RNG.random((6, 5, 3)))
    inputs = [tmp_path / "a.png", *([tmp_path / "b.png"] if name == "big.png" else [])]
    with pytest.raises(InputError, match=f"expected a folder for the outputs, .* found '.*{name}'; give another -o"):
        upscale(*inputs, "-o", tmp_path / name)
    assert not (tmp_path / name).exists()
    (tmp_path / name).mkdir()
    upscale(*inputs, "-o", tmp_path / name)  # one that is there is a folder
    assert (tmp_path / name / "a_x2.png").is_file()
