"""Bicubic resizing as MATLAB's `imresize` does it (Keys' kernel, a = -0.5, widened when shrinking).

Two forms. The *8-bit* one is that of the old MATLAB that made the published low-resolution sets: rows, then
columns, rounded and clamped to 8 bits after each, edges replicated; at whole-number scales its weights are
rationals with a common denominator, so it is done here in integers, exactly. The *float* one is today's:
one pass in floating point with mirrored edges.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from dlgsanet.imaging.errors import InputError

_SUPPORT = 2.0  # Keys' kernel is zero from distance 2 on


def crop_to_multiple(img: NDArray[np.generic], scale: int) -> NDArray[np.generic]:
    """The largest top-left part of `img` (HW or HWC) whose sides are multiples of `scale`; a view.

    Raises InputError if nothing is left.
    """
    height, width = img.shape[0] // scale * scale, img.shape[1] // scale * scale
    if not height or not width:
        raise InputError(f"expected an image of at least {scale}x{scale} pixels, found {_size(img)}")
    return img[:height, :width]


def downscale_matlab8(img: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Shrink HWC uint8 by a whole number as the old MATLAB did: (H, W, C) -> (H/scale, W/scale, C), uint8.

    Bit for bit the published LRbicx2/x3/x4 sets. Raises InputError unless H and W are multiples of `scale`
    (see `crop_to_multiple`).
    """
    _check_image8(img)
    if scale < 1 or img.shape[0] % scale or img.shape[1] % scale:
        raise InputError(f"expected sides that are multiples of {scale}, found {_size(img)}; crop it first")
    if scale == 1:
        return img.copy()
    rows = _shrink_rows(img, scale)
    columns = _shrink_rows(np.ascontiguousarray(rows.transpose(1, 0, 2)), scale)
    return np.ascontiguousarray(columns.transpose(1, 0, 2))


def upscale_bicubic8(img: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Enlarge HWC uint8 by a whole number in the float form and round once: the usual bicubic baseline."""
    _check_image8(img)
    large = resize_bicubic(img.astype(np.float32), img.shape[0] * scale, img.shape[1] * scale)
    return np.clip(np.rint(large), 0, 255).astype(np.uint8)


def resize_bicubic(
    img: NDArray[np.floating], height: int, width: int, antialias: bool = True
) -> NDArray[np.float32]:
    """Resize HWC float (any range; not clamped) to (height, width, C) float32, edges mirrored.

    `antialias` widens the kernel along an axis that shrinks. Raises InputError on an empty image or size.
    """
    if img.ndim != 3 or 0 in img.shape or height < 1 or width < 1:
        raise InputError(f"expected HWC pixels and at least 1x1, found {img.shape} to {width}x{height}")
    rows = _resize_rows(np.asarray(img, np.float32), height, antialias)
    columns = _resize_rows(np.ascontiguousarray(rows.transpose(1, 0, 2)), width, antialias)
    return np.ascontiguousarray(columns.transpose(1, 0, 2))


def _size(img: NDArray[np.generic]) -> str:
    return f"{img.shape[1]}x{img.shape[0]}"


def _check_image8(img: NDArray[np.uint8]) -> None:
    if img.ndim != 3 or img.dtype != np.uint8 or 0 in img.shape:
        raise InputError(f"expected HWC uint8 pixels, found {img.dtype} of shape {img.shape}")


def _cubic_fraction(x: Fraction) -> Fraction:
    """Keys' kernel, exactly."""
    x = abs(x)
    if x <= 1:
        return Fraction(3, 2) * x**3 - Fraction(5, 2) * x**2 + 1
    if x < 2:
        return Fraction(-1, 2) * x**3 + Fraction(5, 2) * x**2 - 4 * x + 2
    return Fraction(0)


def _shrink_taps(scale: int) -> tuple[list[int], int, int]:
    """Integer taps, their sum, and the offset of the first tap from `scale * y`; the same for every y."""
    centre = Fraction(scale - 1, 2)
    first = math.ceil(centre - 2 * scale)
    offsets = range(first, math.floor(centre + 2 * scale) + 1)
    weights = [_cubic_fraction((centre - i) / scale) for i in offsets]
    total = sum(weights)
    denominator = math.lcm(*((w / total).denominator for w in weights))
    return [int(w / total * denominator) for w in weights], denominator, first


def _shrink_rows(img: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """(H, W, C) -> (H/scale, W, C): integer weighted sums of replicated rows, rounded half up, clamped."""
    taps, total, first = _shrink_taps(scale)
    height = img.shape[0]
    out = height // scale
    starts = np.arange(out) * scale + first
    sums = np.full((out, *img.shape[1:]), total // 2, np.int32)
    for k, tap in enumerate(taps):
        if tap:
            sums += img[np.clip(starts + k, 0, height - 1)] * np.int32(tap)
    sums //= total
    return np.clip(sums, 0, 255).astype(np.uint8)


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < _SUPPORT, far, 0.0))


def _resize_rows(img: NDArray[np.float32], out: int, antialias: bool) -> NDArray[np.float32]:
    """(H, W, C) -> (out, W, C)."""
    size = img.shape[0]
    scale = out / size
    stretch = min(scale, 1.0) if antialias else 1.0
    centre = (np.arange(out) + 0.5) / scale - 0.5
    count = math.ceil(2 * _SUPPORT / stretch) + 2
    source = np.floor(centre - _SUPPORT / stretch).astype(np.int64)[:, None] + np.arange(count)
    weights = _cubic((centre[:, None] - source) * stretch)
    weights /= weights.sum(axis=1, keepdims=True)
    period = source % (2 * size)
    mirrored = np.where(period < size, period, 2 * size - 1 - period)
    result = np.zeros((out, *img.shape[1:]), np.float32)
    for k in np.flatnonzero(weights.any(axis=0)):
        result += img[mirrored[:, k]] * weights[:, k, None, None].astype(np.float32)
    return result
