"""What is written is what other readers read, however the rows come, in files about as small as Pillow's."""

from __future__ import annotations

import io
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dlgsanet.imaging.formats.png import read_png
from dlgsanet.imaging.formats.png16 import read_png16
from dlgsanet.imaging.formats.png_encoder import FASTEST, SMALLEST, PngEncoder, png_bytes


def noise(height: int, width: int, channels: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 65536, (height, width, channels), np.uint16)


def encoded(samples: np.ndarray, cuts: list[int] | None = None, **options: object) -> bytes:
    pieces: list[bytes] = []
    encoder = PngEncoder(pieces.append, *samples.shape, samples.itemsize * 8, **options)
    for rows in np.split(samples, cuts or []):
        encoder.rows(rows)
    encoder.end()
    return b"".join(pieces)


def test_another_reader_agrees_on_sixteen_bits() -> None:
    grey = noise(7, 5, 1)
    with Image.open(io.BytesIO(png_bytes(grey))) as image:
        assert np.array_equal(np.asarray(image, np.int64), grey[..., 0])
    rgb = noise(7, 5, 3)
    with Image.open(io.BytesIO(png_bytes(rgb, icc=b"profile"))) as image:
        assert np.array_equal(np.asarray(image), rgb >> 8)  # Pillow alone loses the low byte
        assert image.info["icc_profile"] == b"profile"


@pytest.mark.parametrize("compression", [FASTEST, 3, SMALLEST])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("height", [1, 128, 129, 300])  # bands of 128 rows
def test_eight_bits_are_written_as_another_reader_reads_them(height: int, channels: int, compression: int) -> None:
    samples = (noise(height, 5, channels) >> 8).astype(np.uint8)
    samples[height // 2 :] //= 255  # below, flat: there another filter is the better one
    data = encoded(samples, compression=compression)
    read_png(data)  # checksums, and as many rows as it says
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(np.asarray(image).reshape(samples.shape), samples)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.integers(0, 99))
def test_sixteen_bits_come_back(height: int, width: int, channels: int, seed: int) -> None:
    samples = noise(height, width, channels, seed)
    assert np.array_equal(read_png16(io.BytesIO(png_bytes(samples))), samples)


@given(st.lists(st.integers(0, 300), max_size=5))
def test_a_file_is_the_same_however_its_rows_come(cuts: list[int]) -> None:
    samples = noise(300, 3, 3)
    assert encoded(samples, sorted(cuts)) == encoded(samples)


def test_rows_are_as_many_as_announced() -> None:
    rows = noise(4, 2, 3)
    encoder = PngEncoder(lambda data: None, 6, 2, 3, 16)
    encoder.rows(rows)
    with pytest.raises(ValueError, match="2 rows are missing"):
        encoder.end()
    with pytest.raises(ValueError, match="expected 2 more rows, found 4"):
        encoder.rows(rows)


def photograph() -> np.ndarray:
    """Smooth, with noise: neighbours are near, and nothing comes twice."""
    wave = np.sin(np.arange(400)[:, None, None] / 30) + np.cos(np.arange(500)[None, :, None] / 40)
    grain = np.random.default_rng(0).normal(0, 2, (400, 500, 3))
    return (110 + 50 * wave + grain).clip(0, 255).astype(np.uint8)


def drawing() -> np.ndarray:
    """One tile again and again."""
    tile = np.random.default_rng(0).integers(0, 2, (40, 50, 3), np.uint8) * 255
    return np.tile(tile, (10, 10, 1))


@pytest.mark.parametrize("samples", [photograph(), drawing()], ids=["photograph", "drawing"])
def test_files_are_about_as_small_as_those_of_pillow(samples: np.ndarray) -> None:
    theirs = io.BytesIO()
    Image.fromarray(samples).save(theirs, "PNG")
    ours = len(encoded(samples))
    assert ours < 1.3 * len(theirs.getvalue())
    assert ours < 0.8 * len(encoded(samples, compression=FASTEST))
    assert len(encoded(samples, compression=SMALLEST)) <= ours


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_writing_needs_the_memory_of_a_band(dtype: type) -> None:
    samples = np.zeros((20_000, 700, 3), dtype)
    tracemalloc.start()
    png_bytes(samples)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < samples.nbytes / 8
