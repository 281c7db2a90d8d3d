"""Sixteen-bit PNG without loss: Pillow keeps only the high byte of every colour sample.

Reading leaves inflating, unfiltering and interlacing to Pillow, but asks it twice: once to take the high byte
of each sample and once the low byte, by naming the other byte order. Writing is a few lines of zlib.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import PngImagePlugin

# The layout of a 16-bit PNG by its colour type (grey, RGB, grey and alpha, RGBA): channels, Pillow mode, and
# the raw modes that give (high, low) bytes. Grey and alpha together are as long as one 8-bit RGBA pixel, and
# grey as one 8-bit grey and alpha pixel: one reading then gives both bytes of each sample, side by side.
_LAYOUTS: dict[int, tuple[int, str, tuple[str, ...]]] = {
    0: (1, "LA", ("LA",)),
    2: (3, "RGB", ("RGB;16B", "RGB;16L")),
    4: (2, "RGBA", ("RGBA",)),
    6: (4, "RGBA", ("RGBA;16B", "RGBA;16L")),
}
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def is_png16(stream: BinaryIO) -> bool:
    """Whether the stream starts as a PNG of 16 bits per sample; the position is left at the start."""
    stream.seek(0)
    head = stream.read(26)
    stream.seek(0)
    return head.startswith(_SIGNATURE) and head[12:16] == b"IHDR" and head[24:25] == b"\x10"


def read_png16(stream: BinaryIO) -> NDArray[np.uint16]:
    """All samples of a 16-bit PNG, HWC uint16 with C = 1, 2 (grey, alpha), 3 or 4; colour keys not applied.

    Raises what Pillow raises on a broken file.
    """
    stream.seek(25)
    channels, mode, raw_modes = _LAYOUTS[stream.read(1)[0]]
    planes = [_read_bytes(stream, mode, raw_mode) for raw_mode in raw_modes]
    if len(planes) == 1:
        height, width = planes[0].shape[:2]
        pairs = planes[0].reshape(height, width, channels, 2)
        planes = [pairs[..., 0], pairs[..., 1]]
    return np.left_shift(planes[0], 8, dtype=np.uint16) | planes[1]


def _read_bytes(stream: BinaryIO, mode: str, raw_mode: str) -> NDArray[np.uint8]:
    stream.seek(0)
    with PngImagePlugin.PngImageFile(stream) as image:
        decoder, extents, offset, _ = image.tile[0]
        image._mode = mode
        image.info.pop("transparency", None)
        image.tile = [type(image.tile[0])(decoder, extents, offset, raw_mode)]  # named tuple since Pillow 11
        return np.asarray(image)


def write_png16(path: str | Path, samples: NDArray[np.uint16], icc: bytes | None = None) -> None:
    """Write HWC uint16 (C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA) as a PNG."""
    height, width, channels = samples.shape
    rows = samples.astype(">u2").view(np.uint8).reshape(height, -1)
    filtered = np.empty((height, rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = 2  # filter "up": the difference to the row above, modulo 256
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPES[channels], 0, 0, 0)
    with Path(path).open("wb") as stream:
        stream.write(_SIGNATURE)
        _write_chunk(stream, b"IHDR", header)
        if icc:
            _write_chunk(stream, b"iCCP", b"icc\0\0" + zlib.compress(icc))
        _write_chunk(stream, b"IDAT", zlib.compress(filtered.data, 6))
        _write_chunk(stream, b"IEND", b"")


def _write_chunk(stream: BinaryIO, kind: bytes, data: bytes) -> None:
    stream.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
