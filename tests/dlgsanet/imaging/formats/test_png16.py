"""The files are made here by the PNG specification alone: no shared code with what is tested."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dlgsanet.imaging.formats.png16 import is_png16, read_png16
from dlgsanet.imaging.formats.png_encoder import png_bytes

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
# Adam7: first column and row, column and row step of each pass.
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def noise(height, width, channels, seed=0):
    return np.random.default_rng(seed).integers(0, 65536, (height, width, channels), dtype=np.uint16)


def predicted(kind: int, left: int, up: int, corner: int) -> int:
    if kind < 4:
        return (0, left, up, (left + up) // 2)[kind]
    estimate = left + up - corner
    return min((left, up, corner), key=lambda v: abs(estimate - v))  # Paeth; the first of equals wins


def scanlines(samples: np.ndarray, kinds: list[int]) -> bytes:
    """Big-endian rows, row y filtered by kinds[y % len(kinds)]."""
    step = samples.shape[2] * 2
    rows = [row.astype(">u2").tobytes() for row in samples]
    result = bytearray()
    for y, row in enumerate(rows):
        kind = kinds[y % len(kinds)]
        above = rows[y - 1] if y else bytes(len(row))
        result.append(kind)
        for x, value in enumerate(row):
            left, corner = (row[x - step], above[x - step]) if x >= step else (0, 0)
            result.append((value - predicted(kind, left, above[x], corner)) % 256)
    return bytes(result)


def png(samples: np.ndarray, kinds: list[int], interlaced: bool = False, extra: bytes = b"") -> bytes:
    height, width, channels = samples.shape
    parts = [samples[y::dy, x::dx] for x, y, dx, dy in PASSES] if interlaced else [samples]
    data = b"".join(scanlines(part, kinds) for part in parts if part.size)
    header = struct.pack(">IIBBBBB", width, height, 16, COLOUR_TYPES[channels], 0, 0, interlaced)
    body = [chunk(b"IHDR", header), extra, chunk(b"IDAT", zlib.compress(data)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    channels=st.integers(1, 4),
    kinds=st.lists(st.integers(0, 4), min_size=1, max_size=5),
    interlaced=st.booleans(),
    seed=st.integers(0, 99),
)
def test_reads_all_sixteen_bits_of_any_filter_and_layout(height, width, channels, kinds, interlaced, seed):
    samples = noise(height, width, channels, seed)
    stream = io.BytesIO(png(samples, kinds, interlaced))
    assert is_png16(stream)
    read = read_png16(stream)
    assert read.dtype == np.uint16
    assert np.array_equal(read, samples)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.integers(0, 99))
def test_writes_what_it_reads(height, width, channels, seed):
    samples = noise(height, width, channels, seed)
    assert np.array_equal(read_png16(io.BytesIO(png_bytes(samples))), samples)


def test_a_large_picture_is_read_across_decoder_buffers():
    samples = noise(600, 700, 3)
    assert np.array_equal(read_png16(io.BytesIO(png_bytes(samples))), samples)


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"x" * 100, png(noise(2, 2, 3), [0])[8:]])
def test_other_files_are_not_taken_for_one(data):
    assert not is_png16(io.BytesIO(data))


def test_an_eight_bit_file_is_not_taken_for_one():
    stream = io.BytesIO()
    Image.new("RGB", (4, 4)).save(stream, "PNG")
    assert not is_png16(stream)
