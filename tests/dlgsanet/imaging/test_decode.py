"""Bad picture files: each gets one line that names the file, whatever the decoders do."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from dlgsanet.errors import InputError
from dlgsanet.imaging import decode
from dlgsanet.imaging.colour_space import png_chunks
from dlgsanet.imaging.decode import read_samples
from dlgsanet.imaging.formats.png_encoder import png_bytes
from dlgsanet.imaging.limits import at_most

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")

RGB = np.random.default_rng(0).integers(0, 256, (13, 17, 3), dtype=np.uint8)


def encoded(form: str, image: Image.Image | None = None, **options: object) -> bytes:
    stream = io.BytesIO()
    (image or Image.fromarray(RGB)).save(stream, form, **options)
    return stream.getvalue()


def deep() -> bytes:
    return png_bytes(RGB.astype(np.uint16) * 257)


GOOD = {
    "PNG": encoded("PNG"),
    "JPEG": encoded("JPEG"),
    "WEBP": encoded("WEBP", lossless=True),
    "BMP": encoded("BMP"),
    "TIFF": encoded("TIFF"),
    "PPM": encoded("PPM"),
    "GIF": encoded("GIF"),
    "PNG16": deep(),
}


def refusal(path: Path, data: bytes | None = None) -> str:
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_samples(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("form", GOOD)
def test_every_format_is_read(tmp_path, form):
    path = tmp_path / "x"
    path.write_bytes(GOOD[form])
    samples = read_samples(path)
    assert samples.colour.shape == RGB.shape
    assert samples.colour.flags.writeable
    if form not in ("JPEG", "GIF"):
        assert np.array_equal(samples.colour, RGB if samples.peak == 255 else RGB.astype(np.uint16) * 257)


@pytest.mark.parametrize("form", ["WEBP", "TIFF"])
def test_a_fresh_process_knows_every_format(tmp_path, form):
    # Pillow registers its formats lazily: an earlier test must not be what makes this one pass.
    path = tmp_path / "x"
    path.write_bytes(GOOD[form])
    code = f"from dlgsanet.imaging.files import read_picture; read_picture({str(path)!r})"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(decode.__file__).parents[2])


def test_missing_folder_and_empty(tmp_path):
    assert "No such file" in refusal(tmp_path / "missing.png")
    assert "cannot read" in refusal(tmp_path)
    assert "empty file" in refusal(tmp_path / "empty.png", b"")


@pytest.mark.parametrize("data", [b"not a picture", b"\0" * 1000, b"\x80\x02cposix\nsystem\n", b"<svg></svg>"])
def test_something_else(tmp_path, data):
    assert "found something else" in refusal(tmp_path / "x.png", data)


@pytest.mark.parametrize("form", GOOD)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated(tmp_path, form, share):
    data = GOOD[form]
    refusal(tmp_path / "x", data[: int(len(data) * share)])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    form=st.sampled_from(sorted(GOOD)),
    damage=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=5),
    length=st.integers(0, 2000),
)
def test_damaged_bytes_are_read_or_refused_but_never_crash(tmp_path, form, damage, length):
    data = bytearray(GOOD[form])
    for position, value in damage:
        data[position % len(data)] = value
    path = tmp_path / "x"
    path.write_bytes(data[:length])
    try:
        samples = read_samples(path)
    except InputError as error:
        assert str(path) in str(error)
    else:
        assert samples.colour.ndim == 3
        assert samples.colour.shape[2] == 3


def test_several_frames_are_refused(tmp_path):
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    for form in ("GIF", "PNG", "WEBP", "TIFF"):
        data = encoded(form, frames[0], save_all=True, append_images=frames[1:])
        assert "2 frames" in refusal(tmp_path / f"x.{form}", data)


def test_the_photograph_of_a_telephone_s_mpo_is_read(tmp_path):
    path = tmp_path / "x.jpg"
    path.write_bytes(encoded("MPO", save_all=True, append_images=[Image.fromarray(RGB[:4, :4])]))
    assert read_samples(path).colour.shape == RGB.shape


@pytest.mark.parametrize("mode", ["CMYK", "LAB", "F", "I"])
def test_colours_that_would_be_guessed_are_refused(tmp_path, mode):
    image = Image.new(mode, (4, 4))
    assert f"mode {mode}" in refusal(tmp_path / "x.tif", encoded("TIFF", image))


def test_a_cmyk_jpeg_is_refused(tmp_path):
    assert "mode CMYK" in refusal(tmp_path / "x.jpg", encoded("JPEG", Image.new("CMYK", (4, 4))))


def tiff16() -> bytes:
    """A little-endian RGB TIFF of 16 bits per sample, one pixel: Pillow alone would cut it to 8 bits."""
    tags = [
        (256, 3, 1, 1),  # width
        (257, 3, 1, 1),  # height
        (258, 3, 3, 134),  # bits per sample, at an offset
        (262, 3, 1, 2),  # RGB
        (273, 4, 1, 140),  # strip offset
        (277, 3, 1, 3),  # samples per pixel
        (278, 3, 1, 1),  # rows per strip
        (279, 4, 1, 6),  # strip length
    ]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)
    return head.ljust(134, b"\0") + struct.pack("<3H", 16, 16, 16) + struct.pack("<3H", 1, 2, 3)


def test_sixteen_bits_that_pillow_would_cut_are_read_whole_or_refused(tmp_path):
    with Image.open(io.BytesIO(tiff16())) as image:
        assert image.mode == "RGB"  # what makes care necessary
    (tmp_path / "x.tif").write_bytes(tiff16())
    assert read_samples(tmp_path / "x.tif").colour.tolist() == [[[1, 2, 3]]]
    assert "more than 8 bits" in refusal(tmp_path / "x.ppm", b"P6 1 1 65535\n" + bytes(6))
    refusal(tmp_path / "x.pgm", b"P5 1 1 65535\n" + bytes(2))
    assert "more than 8 bits" in refusal(tmp_path / "y.ppm", b"P3 1 1 1023\n1 2 3\n")


def bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(8_001, 8_000), (2**31 - 1, 2**31 - 1), (30_000, 30_000)])
def test_a_decompression_bomb_is_refused_by_a_named_limit(tmp_path, width, height):
    message = refusal(tmp_path / "x.png", bomb(width, height))
    assert "at most 64 megapixels (--max-megapixels)" in message and f"{width}x{height}" in message


def test_the_limit_itself_is_allowed_and_can_be_set(tmp_path):
    assert "truncated or damaged" in refusal(tmp_path / "x.png", bomb(8_000, 8_000))
    with at_most(900):
        assert "truncated or damaged" in refusal(tmp_path / "x.png", bomb(30_000, 30_000))
    (tmp_path / "x.bmp").write_bytes(GOOD["BMP"])
    with at_most(1e-4):
        assert "221 pixels" in refusal(tmp_path / "x.bmp")


def test_a_device_is_no_picture(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert "a device or pipe" in refusal(tmp_path / "pipe.png")


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_a_colour_key_of_few_bits_is_alpha(tmp_path, depth):
    row = int("".join(f"{value:0{depth}b}" for value in [0, 1] * (4 // depth or 1)), 2)
    width = len([0, 1] * (4 // depth or 1))
    header = struct.pack(">IIBBBBB", width, 1, depth, 0, 0, 0, 0)
    row <<= -(width * depth) % 8
    chunks = [(b"IHDR", header), (b"tRNS", b"\0\1"), (b"IDAT", zlib.compress(bytes([0, row]))), (b"IEND", b"")]
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + png_chunks(chunks))
    assert read_samples(tmp_path / "x.png").alpha.tolist() == [[255, 0] * (width // 2)]


def test_pixels_beyond_the_palette_are_damage(tmp_path):
    image = Image.new("P", (4, 4), 3)
    image.putpalette(bytes(12))
    data = bytearray(encoded("PNG", image))
    at = data.index(b"PLTE")
    short = png_chunks([(b"PLTE", bytes(9))])
    assert "beyond the palette" in refusal(tmp_path / "x.png", bytes(data[: at - 4] + short + data[at + 20 :]))


def bitmap(bits, compression, body, tail=b""):
    head = struct.pack("<IiiHHIIiiII", 40, 2, 1, 1, bits, compression, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 54 + len(tail)) + head + tail + body


def test_bitmaps_of_sixteen_bits_a_pixel_are_read(tmp_path):
    masks = struct.pack("<3I", 0xF800, 0x07E0, 0x001F)
    (tmp_path / "x.bmp").write_bytes(bitmap(16, 3, struct.pack("<2H", 0xF800, 0x07E0), masks))
    assert read_samples(tmp_path / "x.bmp").colour.tolist() == [[[255, 0, 0], [0, 255, 0]]]
    (tmp_path / "x.bmp").write_bytes(bitmap(16, 0, struct.pack("<2H", 0x7C00, 0x001F)))
    assert read_samples(tmp_path / "x.bmp").colour.tolist() == [[[255, 0, 0], [0, 0, 255]]]


def test_samples_of_sixteen_bits_in_planes_of_their_own_are_refused(tmp_path):
    tags = {256: 2, 257: 2, 258: 16, 259: 1, 262: 2, 277: 3, 278: 2, 284: 2, 339: 1}
    lists = {258: [16] * 3, 273: [8, 16, 24], 279: [8] * 3}
    entries, values, at = b"", b"", 32 + 2 + 12 * 11 + 4
    for tag in sorted({*tags, *lists}):
        if tag in lists:
            packed = struct.pack("<3I", *lists[tag]) if tag != 258 else struct.pack("<3H", *lists[tag])
            entries += struct.pack("<HHII", tag, 3 if tag == 258 else 4, 3, at + len(values))
            values += packed
        else:
            entries += struct.pack("<HHII", tag, 3, 1, tags[tag])
    data = b"II*\0" + struct.pack("<I", 32) + bytes(24) + struct.pack("<H", 11) + entries + bytes(4) + values
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "RGB" and image.tile[0][3][0] == "R"  # what makes the tags necessary
    assert "16 bits in separate planes" in refusal(tmp_path / "x.tif", data)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "jpeg", "tiff_adobe_deflate", "zstd", "lzma"])
def test_compressed_tiffs_with_half_their_data_are_refused_quietly(tmp_path, compression, capfd):
    data = bytearray(
        encoded("TIFF", Image.fromarray(np.kron(RGB, np.ones((4, 4, 1), np.uint8))), compression=compression)
    )
    (tmp_path / "x.tif").write_bytes(data)
    read_samples(tmp_path / "x.tif")
    with Image.open(io.BytesIO(data)) as image:
        at, length = image.tag_v2[273][0], image.tag_v2[279][0]
    data[at + length // 2 : at + length] = bytes(length - length // 2)
    refusal(tmp_path / "x.tif", bytes(data))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "PPM"])
def test_what_is_announced_is_what_is_read(tmp_path, monkeypatch, form, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    said = {} if form in ("GIF", "BMP", "PPM") else {"exif": exif}
    Image.fromarray(RGB).save(tmp_path / "x", form, **said)
    expected = read_samples(tmp_path / "x").colour.shape[:2]
    monkeypatch.setattr(Image, "_getdecoder", None)  # whoever decodes fails
    found = decode.read_announced(tmp_path / "x")
    assert ((found.height, found.width), found.bits) == (expected, 8)


def test_exif_behind_the_pixels_is_seen(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    body = exif.tobytes().removeprefix(b"Exif\0\0")
    plain = deep()
    (tmp_path / "x.png").write_bytes(plain[:-12] + png_chunks([(b"eXIf", body)]) + plain[-12:])
    found = decode.read_announced(tmp_path / "x.png")
    assert found == decode.Announced(RGB.shape[1], RGB.shape[0], 16)
    assert read_samples(tmp_path / "x.png").colour.shape == (RGB.shape[1], RGB.shape[0], 3)


def test_a_cut_file_is_refused_by_its_header(tmp_path):
    for form in ("PNG", "JPEG", "WEBP"):
        (tmp_path / "x").write_bytes(GOOD[form][:-20])
        with pytest.raises(InputError, match="damaged"):
            decode.read_announced(tmp_path / "x")


def test_values_beyond_the_largest_that_a_pixmap_names_are_damage(tmp_path):
    (tmp_path / "x.ppm").write_bytes(b"P6 2 1 100\n" + bytes([0, 50, 100] * 2))
    assert read_samples(tmp_path / "x.ppm").colour[0, 0].tolist() == [0, 128, 255]
    assert "beyond the largest" in refusal(tmp_path / "x.ppm", b"P6 2 1 100\n" + bytes([0, 50, 101] * 2))
    assert "beyond the largest" in refusal(tmp_path / "x.pgm", b"P5 2 1 100\n" + bytes([0, 255]))
