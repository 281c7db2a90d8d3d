"""Bicubic resizing as MATLAB's `imresize` does it (Keys' kernel, a = -0.5, widened when shrinking).

Two forms. The *8-bit* one is that of the old MATLAB that made the published low-resolution sets: rows, then
columns, rounded and clamped to 8 bits after each, edges replicated; at whole-number scales its weights are
fractions with a common denominator, so it is done in integers here, exactly. The *float* one is today's:
rounded nowhere, edges mirrored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import InputError

_Number = TypeVar("_Number", bound=np.generic)

_SUPPORT = 2  # Keys' kernel is zero from distance 2 on
_MAX_SCALE = 8  # beyond it the integer sums could leave 32 bits
_STRIP = 16  # output rows made at a time: intermediates stay in the cache


@dataclass(frozen=True)
class _Taps:
    """Output row y is the sum over k of `weights[y, k]` times input row `source[y, k]`; both (out, count)."""

    source: NDArray[np.int64]
    weights: NDArray[Any]  # int32 or float32: the type that is summed in


def crop_to_multiple(img: NDArray[_Number], scale: int) -> NDArray[_Number]:
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
    (see `crop_to_multiple`) and that is 1 to 8.
    """
    _check_image8(img)
    if not 1 <= scale <= _MAX_SCALE:
        raise InputError(f"expected a scale of 1 to {_MAX_SCALE}, found {scale}")
    if img.shape[0] % scale or img.shape[1] % scale:
        raise InputError(f"expected sides that are multiples of {scale}, found {_size(img)}; crop it first")
    kernel, total = _shrink_kernel(scale)
    down, across = (_shrink_taps(side, scale, kernel) for side in img.shape[:2])
    result = np.empty((img.shape[0] // scale, img.shape[1] // scale, img.shape[2]), np.uint8)
    for strip in _strips(len(result)):
        rows = _to_8_bits(_sum_rows(img, down, strip), total)
        columns = _to_8_bits(_sum_rows(_transposed(rows), across), total)
        result[strip] = columns.transpose(1, 0, 2)
    return result


def resize_bicubic(img: NDArray[np.floating], height: int, width: int, antialias: bool = True) -> NDArray[np.float32]:
    """Resize HWC float (any range; not clamped) to (height, width, C) float32, edges mirrored.

    `antialias` widens the kernel along an axis that shrinks. Raises InputError on an empty image or size.
    """
    if img.ndim != 3 or 0 in img.shape or height < 1 or width < 1:
        raise InputError(f"expected HWC pixels and at least 1x1, found {img.shape} to {width}x{height}")
    pixels = np.asarray(img, np.float32)
    down = _bicubic_taps(pixels.shape[0], height, antialias)
    across = _bicubic_taps(pixels.shape[1], width, antialias)
    result = np.empty((height, width, pixels.shape[2]), np.float32)
    for strip in _strips(height):
        rows = _sum_rows(pixels, down, strip)
        result[strip] = _sum_rows(_transposed(rows), across).transpose(1, 0, 2)
    return result


def upscale_bicubic8(img: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Enlarge HWC uint8 by a whole number in the float form and round once: the usual bicubic baseline."""
    _check_image8(img)
    large = resize_bicubic(img.astype(np.float32), img.shape[0] * scale, img.shape[1] * scale)
    return np.clip(np.rint(large, out=large), 0, 255, out=large).astype(np.uint8)


def _size(img: NDArray[Any]) -> str:
    return f"{img.shape[1]}x{img.shape[0]}"


def _check_image8(img: NDArray[np.uint8]) -> None:
    if img.ndim != 3 or img.dtype != np.uint8 or 0 in img.shape:
        raise InputError(f"expected HWC uint8 pixels, found {img.dtype} of shape {img.shape}")


def _strips(rows: int) -> Iterator[slice]:
    return (slice(start, start + _STRIP) for start in range(0, rows, _STRIP))


def _transposed(img: NDArray[_Number]) -> NDArray[_Number]:
    return np.ascontiguousarray(img.transpose(1, 0, 2))


def _sum_rows(img: NDArray[Any], taps: _Taps, strip: slice = slice(None)) -> NDArray[Any]:
    """(H, W, C) -> (rows of the strip, W, C), in the type of the weights."""
    source, weights = taps.source[strip], taps.weights[strip]
    sums: NDArray[Any] = np.zeros((len(source), *img.shape[1:]), weights.dtype)
    for k in range(source.shape[1]):
        sums += img[source[:, k]] * weights[:, k, None, None]
    return sums


def _to_8_bits(sums: NDArray[np.int32], total: int) -> NDArray[np.uint8]:
    """Divide by the sum of the weights, halves upwards, and clamp."""
    return np.clip((sums + total // 2) // total, 0, 255).astype(np.uint8)


def _shrink_taps(side: int, scale: int, kernel: NDArray[np.int32]) -> _Taps:
    out = side // scale
    # The kernel is centred on the block of `scale` samples that one output sample stands for.
    first = (scale - len(kernel)) // 2
    source = np.arange(out)[:, None] * scale + first + np.arange(len(kernel))
    return _Taps(np.clip(source, 0, side - 1), np.broadcast_to(kernel, source.shape))


@lru_cache(maxsize=8)
def _shrink_kernel(scale: int) -> tuple[NDArray[np.int32], int]:
    """The antialiasing kernel of a whole-number scale in integers, and their sum."""
    # 4 * scale taps, less one where an odd scale puts the outer two exactly on the zeros of the kernel.
    count = 2 * _SUPPORT * scale - scale % 2
    centre = Fraction(count - 1, 2)
    weights = [_cubic(abs(i - centre) / scale) for i in range(count)]
    shares = [weight / sum(weights) for weight in weights]
    total = math.lcm(*(share.denominator for share in shares))
    return np.array([int(share * total) for share in shares], np.int32), total


def _bicubic_taps(side: int, out: int, antialias: bool) -> _Taps:
    scale = out / side
    stretch = min(scale, 1.0) if antialias else 1.0
    centre = (np.arange(out) + 0.5) / scale - 0.5
    count = math.ceil(2 * _SUPPORT / stretch) + 1
    source = np.ceil(centre - _SUPPORT / stretch).astype(np.int64)[:, None] + np.arange(count)
    weights = _cubic_array(np.abs(centre[:, None] - source) * stretch)
    weights /= weights.sum(axis=1, keepdims=True)
    place = source % (2 * side)
    mirrored = np.where(place < side, place, 2 * side - 1 - place)
    used = weights.any(axis=0)
    return _Taps(mirrored[:, used], weights[:, used].astype(np.float32))


def _cubic(x: Fraction) -> Fraction:
    """Keys' kernel at a distance x >= 0, exactly."""
    if x <= 1:
        return Fraction(3, 2) * x**3 - Fraction(5, 2) * x**2 + 1
    if x < _SUPPORT:
        return Fraction(-1, 2) * x**3 + Fraction(5, 2) * x**2 - 4 * x + 2
    return Fraction(0)


def _cubic_array(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' kernel at distances x >= 0."""
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < _SUPPORT, far, 0.0))
