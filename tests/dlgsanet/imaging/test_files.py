from __future__ import annotations

import errno
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from dlgsanet.errors import InputError
from dlgsanet.imaging import files
from dlgsanet.imaging.decode import FORMATS
from dlgsanet.imaging.files import (
    list_images,
    passed_over,
    passed_over_line,
    read_picture,
    read_rgb8,
    write_picture,
)
from dlgsanet.imaging.formats.png_encoder import png_bytes

here = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def noise(*shape, peak=255, seed=0):
    dtype = np.uint8 if peak == 255 else np.uint16
    return np.random.default_rng(seed).integers(0, peak + 1, shape, dtype=dtype)


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


# --- reading -----------------------------------------------------------------------------------------------


def test_rgb(tmp_path):
    rgb = noise(5, 7, 3)
    picture = read_picture(saved(tmp_path / "x.png", Image.fromarray(rgb)))
    assert (picture.bits, picture.grey, picture.alpha, picture.icc) == (8, False, None, None)
    assert picture.rgb.dtype == np.float32
    np.testing.assert_array_equal(picture.rgb, rgb / np.float32(255))
    np.testing.assert_array_equal(read_rgb8(tmp_path / "x.png"), rgb)


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey(tmp_path, mode):
    image = Image.fromarray(noise(5, 7)).convert(mode)
    picture = read_picture(saved(tmp_path / "x.png", image))
    assert picture.grey
    assert picture.alpha is None
    np.testing.assert_array_equal(picture.rgb[..., 0], np.asarray(image.convert("L")) / np.float32(255))
    assert (picture.rgb[..., :1] == picture.rgb).all()


def test_alpha(tmp_path):
    rgba = noise(5, 7, 4)
    picture = read_picture(saved(tmp_path / "x.png", Image.fromarray(rgba)))
    np.testing.assert_array_equal(picture.rgb, rgba[..., :3] / np.float32(255))
    np.testing.assert_array_equal(picture.alpha, rgba[..., 3] / np.float32(255))


def test_grey_with_alpha(tmp_path):
    la = noise(5, 7, 2)
    picture = read_picture(saved(tmp_path / "x.png", Image.fromarray(la)))
    assert picture.grey
    np.testing.assert_array_equal(picture.rgb[..., 1], la[..., 0] / np.float32(255))
    np.testing.assert_array_equal(picture.alpha, la[..., 1] / np.float32(255))


@pytest.mark.parametrize("transparency", [None, 2, bytes([0, 100, 255])])
def test_palette(tmp_path, transparency):
    index = noise(5, 7) % 3
    image = Image.fromarray(index).convert("P")
    image.putdata(index.ravel().tolist())
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    options = {} if transparency is None else {"transparency": transparency}
    picture = read_picture(saved(tmp_path / "x.png", image, **options))
    np.testing.assert_array_equal(picture.rgb, np.eye(3, dtype=np.float32)[index])
    if transparency is None:
        assert picture.alpha is None
    else:
        alphas = np.array([255, 255, 0] if transparency == 2 else [0, 100, 255], np.float32)
        np.testing.assert_array_equal(picture.alpha, alphas[index] / np.float32(255))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits(tmp_path, channels):
    samples = noise(5, 7, channels, peak=65535)
    (tmp_path / "x.png").write_bytes(png_bytes(samples))
    picture = read_picture(tmp_path / "x.png")
    assert (picture.bits, picture.grey) == (16, channels <= 2)
    colour = samples[..., :-1] if channels in (2, 4) else samples
    np.testing.assert_array_equal(picture.rgb, np.broadcast_to(colour, (5, 7, 3)) / np.float32(65535))
    if channels in (2, 4):
        np.testing.assert_array_equal(picture.alpha, samples[..., -1] / np.float32(65535))


@pytest.mark.parametrize(("mode", "key"), [("L", 7), ("RGB", (7, 8, 9))])
def test_a_colour_key_is_alpha(tmp_path, mode, key):
    image = Image.new(mode, (3, 2), 50 if mode == "L" else (50, 60, 70))
    image.putpixel((1, 0), key)
    picture = read_picture(saved(tmp_path / "x.png", image, transparency=key))
    np.testing.assert_array_equal(picture.alpha, [[1, 0, 1], [1, 1, 1]])


def test_a_sixteen_bit_colour_key_is_compared_in_sixteen_bits(tmp_path):
    samples = np.full((1, 3, 3), 1000, np.uint16)
    samples[0, 1, 2] = 1001  # the same high byte, one channel
    body = b"tRNS" + np.array([1000] * 3, ">u2").tobytes()
    chunk = struct.pack(">I", 6) + body + struct.pack(">I", zlib.crc32(body))
    plain = png_bytes(samples)
    at = plain.index(b"IDAT") - 4
    (tmp_path / "x.png").write_bytes(plain[:at] + chunk + plain[at:])
    np.testing.assert_array_equal(read_picture(tmp_path / "x.png").alpha, [[0, 1, 0]])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_exif_orientation_is_undone(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb = np.kron(noise(2, 3, 3), np.ones((8, 8, 1), np.uint8))
    path = saved(tmp_path / f"x{suffix}", Image.fromarray(rgb), exif=exif)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(read_rgb8(path), expected)
    assert read_rgb8(path).shape == ((16, 24, 3) if orientation < 5 else (24, 16, 3))


def test_exif_orientation_of_sixteen_bits(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    grey = Image.fromarray(noise(2, 3, peak=65535))
    path = saved(tmp_path / "x.png", grey, exif=exif)
    np.testing.assert_array_equal(read_picture(path).rgb[..., 0] * 65535, np.rot90(np.asarray(grey), -1))


def test_the_colour_profile_is_kept(tmp_path):
    for bits in (8, 16):
        write_picture(tmp_path / "x.png", noise(2, 2, 3) / 255, bits=bits, icc=b"profile")
        assert read_picture(tmp_path / "x.png").icc == b"profile"


def test_rgb8_rounds_sixteen_bits_and_refuses_transparency(tmp_path):
    samples = np.array([[[0, 128, 129], [65535, 65406, 65407]]], np.uint16)
    (tmp_path / "x.png").write_bytes(png_bytes(samples))
    assert read_rgb8(tmp_path / "x.png").tolist() == [[[0, 0, 1], [255, 254, 255]]]
    opaque = np.dstack([noise(2, 2, 3), np.full((2, 2), 255, np.uint8)])
    np.testing.assert_array_equal(read_rgb8(saved(tmp_path / "y.png", Image.fromarray(opaque))), opaque[..., :3])
    opaque[0, 0, 3] = 254
    with pytest.raises(InputError, match="transparent"):
        read_rgb8(saved(tmp_path / "z.png", Image.fromarray(opaque)))


# --- writing -----------------------------------------------------------------------------------------------


@here
@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    bits=st.sampled_from([8, 16]),
    with_alpha=st.booleans(),
    grey=st.booleans(),
    floating=st.booleans(),
    seed=st.integers(0, 99),
)
def test_png_keeps_every_sample(tmp_path, height, width, bits, with_alpha, grey, floating, seed):
    peak = 255 if bits == 8 else 65535
    rgb = noise(height, width, 3, peak=peak, seed=seed)
    if grey:
        rgb = rgb[..., :1].repeat(3, axis=2)
    alpha = noise(height, width, peak=peak, seed=seed + 1) if with_alpha else None
    given_rgb = rgb / np.float32(peak) if floating else rgb
    write_picture(tmp_path / "x.png", given_rgb, alpha, bits=bits, grey=grey)
    picture = read_picture(tmp_path / "x.png")
    assert (picture.bits, picture.grey) == (bits, grey)
    np.testing.assert_array_equal(np.rint(picture.rgb * peak), rgb)
    if alpha is None:
        assert picture.alpha is None
    else:
        assert picture.alpha is not None
        np.testing.assert_array_equal(np.rint(picture.alpha * peak), alpha)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp", ".tif", ".tiff", ".PNG"])
def test_lossless_formats(tmp_path, suffix):
    rgb = noise(5, 7, 3)
    write_picture(tmp_path / f"x{suffix}", rgb)
    np.testing.assert_array_equal(read_rgb8(tmp_path / f"x{suffix}"), rgb)
    if suffix != ".bmp":
        alpha = noise(5, 7) // 2
        alpha[:2] = 0
        write_picture(tmp_path / f"y{suffix}", rgb, alpha)
        picture = read_picture(tmp_path / f"y{suffix}")
        np.testing.assert_array_equal(np.rint(picture.rgb * 255), rgb)  # under full transparency too
        np.testing.assert_array_equal(np.rint(picture.alpha * 255), alpha)


def test_jpeg_is_close_in_colour_too(tmp_path):
    stripes = np.full((32, 32, 3), 0.5)
    stripes[:, ::2, 0] = 0.6  # what halved chroma would blur
    write_picture(tmp_path / "x.jpg", stripes)
    assert np.abs(read_picture(tmp_path / "x.jpg").rgb - stripes).max() < 0.03


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("x.gif", {}, "expected one of .png"),
        ("x", {}, "expected one of .png"),
        ("x.jpg", {"bits": 16}, "16 in .png .tif .tiff"),
        ("x.png", {"bits": 12}, "expected 8, or 16"),
        ("x.jpg", {"alpha": np.ones((4, 4))}, "no transparency"),
        ("x.bmp", {"alpha": np.ones((4, 4))}, "no transparency"),
        ("x.png", {"alpha": np.ones((4, 5))}, "expected alpha"),
        ("x.png", {"rgb": np.ones((4, 4))}, "HWC"),
        ("x.png", {"rgb": np.ones((4, 4, 4))}, "HWC"),
        ("x.png", {"rgb": np.ones((0, 4, 3))}, "HWC"),
        ("x.png", {"rgb": np.ones((4, 4, 3), np.int64)}, "found int64"),
        ("x.png", {"rgb": np.ones((4, 4, 3), np.uint8), "bits": 16}, "found uint8"),
        ("x.png", {"rgb": np.full((4, 4, 3), np.nan)}, "finite"),
        ("x.png", {"rgb": np.full((4, 4, 3), np.inf, np.float32)}, "finite"),
        ("x.webp", {"rgb": np.zeros((1, 16384, 3), np.uint8)}, "use .png"),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_is_left(tmp_path, name, options, words):
    rgb = options.pop("rgb", np.ones((4, 4, 3)))
    with pytest.raises(InputError, match=words):
        write_picture(tmp_path / name, rgb, **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("suffix", ["png", "bmp"])
def test_a_disk_that_refuses_keeps_the_old_picture(tmp_path, writing_stops, number, suffix):
    path = tmp_path / f"x.{suffix}"
    write_picture(path, np.zeros((2, 2, 3)))
    before = path.read_bytes()
    writing_stops(lambda path: OSError(number, os.strerror(number), str(path)))
    with pytest.raises(InputError, match=os.strerror(number)):
        write_picture(path, np.ones((2, 2, 3)))
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == before


def test_an_interrupt_while_writing_leaves_nothing(tmp_path, writing_stops):
    writing_stops(lambda path: KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        write_picture(tmp_path / "new" / "x.png", np.ones((2, 2, 3)))
    assert list(tmp_path.iterdir()) == []


# --- folders and layouts -----------------------------------------------------------------------------------


def test_list_images(tmp_path):
    for name in ("b.png", "a.JPG", "c.txt", ".hidden", "._b.png", ".d.png", "e.jfif"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [p.name for p in list_images(tmp_path)] == ["a.JPG", "b.png", "e.jfif"]


def test_list_images_refuses_what_has_none(tmp_path):
    with pytest.raises(InputError, match="found none"):
        list_images(tmp_path)
    with pytest.raises(InputError, match="found nothing"):
        list_images(tmp_path / "missing")
    (tmp_path / "x.png").touch()
    with pytest.raises(InputError, match="found a file"):
        list_images(tmp_path / "x.png")


def test_the_suffixes_of_folders_are_the_decoder_s():
    Image.init()
    known = Image.registered_extensions()
    assert set(files.SUFFIXES) == {suffix for suffix, form in known.items() if form in (*FORMATS, "MPO")}
    assert not set(files.SUFFIXES) & set(files.OTHER_SUFFIXES)


def test_pictures_of_other_formats_are_counted_and_named(tmp_path):
    for name in ("a.jxl", "b.PSD", "._c.jxl", "d.txt"):
        (tmp_path / name).touch()
    assert passed_over(tmp_path) == ["a.jxl", "b.PSD"]
    assert passed_over_line(tmp_path) == f"{tmp_path}: 2 in formats that are not read: a.jxl, b.PSD"
    with pytest.raises(InputError, match=r"2 in formats that are not read: a\.jxl"):
        list_images(tmp_path)
    assert passed_over_line(tmp_path / "a.jxl") == ""
