"""AVIF whose boxes announce another size than is coded is refused: libavif would resize it without a word."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dlgsanet.errors import InputError
from dlgsanet.imaging.decode import read_samples
from dlgsanet.imaging.formats import heif
from dlgsanet.imaging.formats.heif_items import Bits, coded_size, require_coded_sizes

PIXELS = np.random.default_rng(0).integers(0, 256, (64, 80, 4), np.uint8)
OTHERS = [(40, 32), (78, 64), (160, 128), (64, 80), (80, 63)]
avif = pytest.mark.skipif(not heif.is_read(heif.AVIF), reason="this Pillow reads no AVIF")


def encoded(channels: int = 3, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(PIXELS[..., :channels]).save(out, "AVIF", **options)
    return out.getvalue()


def announcing(data: bytes, size: tuple[int, int]) -> bytes:
    """The first announced size in a file, changed."""
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", *size) + data[at + 8 :]


def refusal(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_samples(path)
    return str(caught.value)


@avif
@pytest.mark.parametrize("size", OTHERS)
def test_another_size_than_is_coded_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    found = refusal(tmp_path / "a.avif", announcing(encoded(), size))
    assert f"({size[0]}x{size[1]} pixels are announced, 80x64 are coded)" in found


@avif
@pytest.mark.parametrize("options", [{}, {"quality": 100}, {"subsampling": "4:0:0"}, {"tile_rows": 1}, {"speed": 10}])
@pytest.mark.parametrize("channels", [3, 4])
def test_what_agrees_passes(channels: int, options: dict[str, object]) -> None:
    require_coded_sizes(encoded(channels, **options))


def test_heic_is_refused_by_its_decoder(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(PIXELS[..., :3])).save(out)
    for size in OTHERS:
        assert "damaged" in refusal(tmp_path / "a.heic", announcing(out.getvalue(), size))


def units(bits: str) -> bytes:
    """A temporal delimiter and a sequence header of these bits, in an OBU of either form."""
    body = bytes(int(bits[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(bits), 8))
    return bytes([0b00010010, 0, 0b00001010, len(body)]) + body


SIZE = f"{9:04b}{8:04b}{639:010b}{359:09b}"


@pytest.mark.parametrize(
    "before",
    [
        "000" "1" "1" "00000",  # reduced: profile, still, level
        "000" "0" "0" "0" "0" "00000" + 12 * "0" + "00100",  # one operating point
        "000" "0" "0" "0" "0" "00000" + 12 * "0" + "01000" "1",  # of a level with a tier
        "000" "0" "0" "1" + 64 * "0" + "1" "00101" "1" "00011" + 42 * "0"  # timing, 5 by uvlc, a decoder model
        + "1" "00001" + 2 * (12 * "0" + "00100" "1" + 9 * "0" + "1" "0000"),  # two points, delays of 4 bits
    ],
)  # fmt: skip
def test_the_size_of_every_form_of_header(before: str) -> None:
    assert coded_size(units(before + SIZE)) == (640, 360)
    with pytest.raises(ValueError, match="a header of AV1 is cut"):
        coded_size(units((before + SIZE)[:-8]))


def test_without_a_header_nothing_is_said() -> None:
    assert coded_size(b"") is None and coded_size(bytes([0b00010010, 0])) is None


def test_bits_come_highest_first_and_end() -> None:
    bits = Bits(bytes([0b10110010]))
    assert (bits.take(1), bits.take(3), bits.take(4)) == (1, 0b011, 0b0010)
    with pytest.raises(ValueError, match="cut"):
        bits.take(1)
