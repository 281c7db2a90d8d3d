"""The smallest network of our kind (one 3x3 convolution, depth-to-space x2, 8x8 pixels), to prove that
engines run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dlgsanet.errors import BackendError
from runtimes.runner.tiling import Array

MODEL = Path(__file__).with_name("tiny.onnx")
PRODUCT = Path(__file__).with_name("product.onnx")
"""`c` = `a` @ `b`, float32, PRODUCT_SIDE x PRODUCT_SIDE each: how fast an engine multiplies on this machine."""
PRODUCT_INT8 = Path(__file__).with_name("product_int8.onnx")
"""The same with `a` uint8 about 128, `b` int8 and `c` uint8 about 128, each with a scale (in 1/255, 1/127 and 1)."""
PRODUCT_SIDE = 1536

TOLERANCE = 0.002
"""The probe's numbers are exact in every precision, its outputs (0.13 at most) are rounded once, to 8 bits
in bf16."""


def weight() -> Array:
    """The convolution's weights, 12 x 3 x 3 x 3: multiples of 1/32, so that bf16 and fp16 hold them
    exactly."""
    return ((np.arange(12 * 3 * 9, dtype=np.float32).reshape(12, 3, 3, 3) % 7 - 3) / 32).astype(np.float32)


def example() -> Array:
    """The input, 1 x 3 x 8 x 8 in [0, 1): multiples of 1/64, for the same reason."""
    return ((np.arange(192, dtype=np.float32).reshape(1, 3, 8, 8) * 37 % 64) / 64).astype(np.float32)


def expected() -> Array:
    """What the network makes of `example()`, 1 x 3 x 16 x 16, computed with NumPy only."""
    padded = np.pad(example()[0], ((0, 0), (1, 1), (1, 1)))
    maps = np.zeros((12, 8, 8), np.float32)
    for dy in range(3):
        for dx in range(3):
            maps += np.einsum("oc,chw->ohw", weight()[:, :, dy, dx], padded[:, dy : dy + 8, dx : dx + 8])
    return maps.reshape(3, 2, 2, 8, 8).transpose(0, 3, 1, 4, 2).reshape(1, 3, 16, 16)


def require_right(sr: Array, where: str) -> None:
    """Raise BackendError unless `sr` is what the network makes of `example()`; `where` computed it."""
    if sr.shape != expected().shape or not np.allclose(sr, expected(), atol=TOLERANCE):
        raise BackendError(f"{where} computes a wrong result")
