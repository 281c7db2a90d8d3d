"""Reading sixteen-bit PNG without loss: Pillow keeps only the high byte of every colour sample.

Reading leaves inflating, unfiltering and interlacing to Pillow, but asks it twice: once to take the high byte
of each sample and once the low byte, by naming the other byte order.
"""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import PngImagePlugin

from dlgsanet.imaging.formats.png import SIGNATURE

# The layout of a 16-bit PNG by its colour type (grey, RGB, grey and alpha, RGBA): channels, Pillow mode, and
# the raw modes that give (high, low) bytes. Grey and alpha together are as long as one 8-bit RGBA pixel, and
# grey as one 8-bit grey and alpha pixel: one reading then gives both bytes of each sample, side by side.
_LAYOUTS: dict[int, tuple[int, str, tuple[str, ...]]] = {
    0: (1, "LA", ("LA",)),
    2: (3, "RGB", ("RGB;16B", "RGB;16L")),
    4: (2, "RGBA", ("RGBA",)),
    6: (4, "RGBA", ("RGBA;16B", "RGBA;16L")),
}


def is_png16(stream: BinaryIO) -> bool:
    """Whether the stream starts as a PNG of 16 bits per sample; the position is left at the start."""
    stream.seek(0)
    head = stream.read(26)
    stream.seek(0)
    return head.startswith(SIGNATURE) and head[12:16] == b"IHDR" and head[24:25] == b"\x10"


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
        tile: Any = (decoder, extents, offset, raw_mode)  # a named tuple only since Pillow 11
        image.tile = [tile]
        return np.asarray(image)
