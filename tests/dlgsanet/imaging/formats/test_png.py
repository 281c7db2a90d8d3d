"""PNG files made chunk by chunk: facts, and damage that a decoder passes over."""

from __future__ import annotations

import struct
import zlib

import pytest

from dlgsanet.imaging.colour_space import png_chunk
from dlgsanet.imaging.formats.png import SIGNATURE, read_png
from dlgsanet.imaging.limits import TooLargeError

END = png_chunk(b"IEND", b"")
PALETTE = png_chunk(b"PLTE", bytes(6))


def png(
    width: int = 8, height: int = 4, depth: int = 8, kind: int = 0, raw: bytes = bytes(36), extra: bytes = b"", inter=0
) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, inter)
    return SIGNATURE + png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", zlib.compress(raw)) + END


def test_facts() -> None:
    declared = png_chunk(b"gAMA", struct.pack(">I", 100_000)) + png_chunk(b"cICP", b"\x09\x10\0\1")
    found = read_png(png(extra=declared + png_chunk(b"tRNS", b"\0\7")) + b"junk behind the end")
    assert (found.width, found.height, found.depth, found.colour_type, found.key) == (8, 4, 8, 0, (7,))
    assert found.declared == ((b"gAMA", struct.pack(">I", 100_000)), (b"cICP", b"\x09\x10\0\1"))


@pytest.mark.parametrize(
    ("depth", "kind", "inter", "length"),
    [(1, 0, 0, 8), (2, 3, 0, 12), (16, 6, 0, 260), (8, 2, 0, 100), (8, 0, 1, 40), (16, 4, 1, 136), (1, 0, 1, 16)],
)
def test_every_row_must_be_there(depth: int, kind: int, inter: int, length: int) -> None:
    read_png(png(depth=depth, kind=kind, raw=bytes(length), extra=PALETTE, inter=inter))
    for change, words in ((-1, "rows are missing"), (-length, "rows are missing"), (1, "more rows")):
        with pytest.raises(ValueError, match=words):
            read_png(png(depth=depth, kind=kind, raw=bytes(length + change), extra=PALETTE, inter=inter))


@pytest.mark.parametrize("chunk", ["IHDR", "PLTE", "tRNS"])
def test_what_decides_about_pixels_is_there_once(chunk: str) -> None:
    """Pillow takes the last header: rows that it alone announces would be black."""
    header = struct.pack(">IIBBBBB", 8, 12, 8, 0, 0, 0, 0)
    kept = {"IHDR": b"", "PLTE": PALETTE, "tRNS": png_chunk(b"tRNS", b"\0\7")}[chunk]
    again = png_chunk(b"IHDR", header) if chunk == "IHDR" else kept
    read_png(png(extra=kept))
    with pytest.raises(ValueError, match=f"{chunk} more than once"):
        read_png(png(extra=kept + again))


def test_a_stream_without_its_end_is_cut() -> None:
    packed = zlib.compress(bytes(36))
    data = png()
    shorter = data.replace(png_chunk(b"IDAT", packed), png_chunk(b"IDAT", packed[:-2]))
    with pytest.raises(ValueError, match="rows are missing"):
        read_png(shorter)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (png()[:-12], "ends before"),
        (png()[:60], "ends before"),
        (png()[:45] + b"\0" + png()[46:], "checksum"),
        (png(depth=3), "colour type 0 of 3 bits"),
        (png(kind=5), "colour type 5"),
        (png(kind=3), "palette is missing"),
        (png(width=0), "announces 0x4"),
        (png(extra=png_chunk(b"ABCD", b"")), "unknown kind"),
        (png(extra=png_chunk(b"tRNS", b"\0")), "transparent colour"),
        (SIGNATURE + png()[33:], "header"),
        (SIGNATURE, "ends before"),
        (png(extra=png_chunk(b"tEXt", b"a") * 20_000), "more pieces"),
    ],
)
def test_damage(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_png(data)


def test_what_cannot_be_there_is_refused_before_it_is_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zlib, "decompressobj", None)
    with pytest.raises(ValueError, match="rows are missing"):
        read_png(png(width=7000, height=7000))
    with pytest.raises(TooLargeError, match="31x3866647"):
        read_png(png(width=31, height=3_866_647))
