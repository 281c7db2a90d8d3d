"""What samples of pictures are: the one name for arrays of them, their layouts, and floats to integers."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import InputError

Pixels: TypeAlias = NDArray[np.uint8 | np.uint16 | np.float32 | np.float64]
"""Samples of any layout: 8 or 16 bits, or floats in [0, 1]; each function says which it takes."""


def to_uint8(rgb: Pixels) -> NDArray[np.uint8]:
    """Float in [0, 1] to uint8, clipped and rounded; any shape. Raises InputError on NaN or infinity."""
    return quantise(rgb, 8).astype(np.uint8, copy=False)


def quantise(values: Pixels, bits: int) -> Pixels:
    """Float in [0, 1] to unsigned integers, clipped and rounded; integers of the right depth as they are."""
    dtype, peak = (np.dtype(np.uint8), 255) if bits == 8 else (np.dtype(np.uint16), 65535)
    if values.dtype == dtype:
        return values
    if not np.issubdtype(values.dtype, np.floating):
        raise InputError(f"expected float or {dtype} pixels for {bits} bits, found {values.dtype}")
    if not np.isfinite(values).all():
        raise InputError("expected finite pixels, found NaN or infinity; the model or its input is broken")
    scaled: Pixels = np.rint(np.clip(values, 0, 1) * np.float32(peak))
    return scaled.astype(dtype)


def to_nchw(rgb: Pixels) -> NDArray[np.float32]:
    """HWC uint8, or float in [0, 1], to float32 (1, 3, H, W) in [0, 1]. InputError otherwise."""
    if rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise InputError(f"expected HWC pixels with 3 channels, found shape {rgb.shape}")
    if not np.issubdtype(rgb.dtype, np.floating) and rgb.dtype != np.uint8:
        raise InputError(f"expected uint8 or float pixels, found {rgb.dtype}")
    pixels = rgb.astype(np.float32)
    if rgb.dtype == np.uint8:
        pixels /= np.float32(255)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def to_hwc(nchw: Pixels) -> NDArray[np.float32]:
    """Float (1, C, H, W) to float32 (H, W, C); values as they are. Raises InputError on another shape."""
    if nchw.ndim != 4 or nchw.shape[0] != 1:
        raise InputError(f"expected one image as (1, C, H, W), found shape {nchw.shape}")
    return np.ascontiguousarray(nchw[0].transpose(1, 2, 0), dtype=np.float32)
