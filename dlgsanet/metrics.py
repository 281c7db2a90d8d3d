"""PSNR and SSIM as super-resolution papers measure them; NumPy only, the only implementation of the project.

Values are on the 0..255 scale in float64. Y is that of BT.601 in studio range (16..235), as MATLAB's
`rgb2ycbcr`, not rounded. SSIM is that of Wang et al. 2004: an 11x11 Gaussian window of sigma 1.5, K1 = 0.01,
K2 = 0.03, valid positions only.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import InputError

Colour = Literal["y", "rgb"]
COLOURS: tuple[Colour, ...] = ("y", "rgb")

_PEAK = 255.0
_Y_WEIGHTS = np.array([65.481, 128.553, 24.966]) / 255.0
_Y_OFFSET = 16.0
_WINDOW = 11
_SIGMA = 1.5
_C1 = (0.01 * _PEAK) ** 2
_C2 = (0.03 * _PEAK) ** 2


def psnr(sr: NDArray[Any], hr: NDArray[Any], *, border: int, colour: Colour = "y", rounded: bool = True) -> float:
    """PSNR in dB of two HWC RGB images, uint8 or float in [0, 1]; infinity if they are equal.

    `border` pixels are cut from every side; `rounded` first brings both to 8 bits, clipped, as in a file.
    Raises InputError: different shapes, not HWC RGB, non-finite pixels, nothing left inside the border.
    """
    a, b = _prepared(sr, hr, border, colour, rounded)
    return _decibels(float(np.mean((a - b) ** 2)), _PEAK)


def ssim(sr: NDArray[Any], hr: NDArray[Any], *, border: int, colour: Colour = "y", rounded: bool = True) -> float:
    """SSIM in [-1, 1] of two images, mean over the channels; arguments and errors as for `psnr`.

    Raises InputError too if less than 11x11 pixels are inside the border.
    """
    a, b = _prepared(sr, hr, border, colour, rounded)
    if min(a.shape[:2]) < _WINDOW:
        raise InputError(f"expected at least {_WINDOW}x{_WINDOW} inside the border, found {a.shape[:2]}")
    return float(np.mean([_ssim_plane(a[..., c], b[..., c]) for c in range(a.shape[2])]))


def psnr_float(a: NDArray[Any], b: NDArray[Any]) -> float:
    """PSNR in dB at peak 1 of two float arrays of one shape, neither clamped nor rounded; infinity if equal.

    The `to_reference_db` figure. Raises InputError: different shapes, empty, non-finite values.
    """
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    _check_pair(x, y)
    return _decibels(float(np.mean((x - y) ** 2)), 1.0)


def rgb_to_y(rgb: NDArray[Any]) -> NDArray[np.float64]:
    """Luma (H, W, 1) in 16..235 of RGB (H, W, 3) on the 0..255 scale: BT.601, studio range, not rounded."""
    return np.asarray((rgb.astype(np.float64) @ _Y_WEIGHTS)[..., None] + _Y_OFFSET)


def _prepared(
    sr: NDArray[Any], hr: NDArray[Any], border: int, colour: Colour, rounded: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if colour not in COLOURS:
        raise InputError(f"expected a colour of {' '.join(COLOURS)}, found {colour!r}")
    _check_pair(sr, hr)
    if sr.ndim != 3 or sr.shape[2] != 3:
        raise InputError(f"expected HWC images with 3 channels, found shape {sr.shape}")
    if border < 0 or min(sr.shape[:2]) <= 2 * border:
        raise InputError(f"expected more than a border of {border} pixels, found shape {sr.shape}")
    inside = (slice(border, sr.shape[0] - border), slice(border, sr.shape[1] - border))
    a, b = (_scaled(img[inside], rounded) for img in (sr, hr))
    return (rgb_to_y(a), rgb_to_y(b)) if colour == "y" else (a, b)


def _check_pair(a: NDArray[Any], b: NDArray[Any]) -> None:
    if a.shape != b.shape:
        raise InputError(f"expected two images of one shape, found {a.shape} and {b.shape}")
    if not a.size:
        raise InputError("expected pixels, found an empty image")
    for values in (a, b):
        if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
            raise InputError("expected finite pixels, found NaN or infinity; the output is broken")


def _scaled(img: NDArray[Any], rounded: bool) -> NDArray[np.float64]:
    """Any allowed dtype to float64 on the 0..255 scale."""
    if img.dtype == np.uint8:
        return img.astype(np.float64)
    if not np.issubdtype(img.dtype, np.floating):
        raise InputError(f"expected uint8 pixels or float in [0, 1], found {img.dtype}")
    values = img.astype(np.float64) * _PEAK
    return np.rint(np.clip(values, 0.0, _PEAK)) if rounded else values


def _decibels(mse: float, peak: float) -> float:
    return 10.0 * math.log10(peak**2 / mse) if mse > 0.0 else math.inf


def _gaussian() -> NDArray[np.float64]:
    x = np.arange(_WINDOW) - _WINDOW // 2
    window = np.exp(-(x**2) / (2 * _SIGMA**2))
    return np.asarray(window / window.sum())


def _blur(plane: NDArray[np.float64], window: NDArray[np.float64]) -> NDArray[np.float64]:
    """Separable convolution at valid positions: (H, W) -> (H - 10, W - 10)."""
    height, width = plane.shape[0] - _WINDOW + 1, plane.shape[1] - _WINDOW + 1
    rows = sum(weight * plane[k : k + height] for k, weight in enumerate(window))
    return np.asarray(sum(weight * rows[:, k : k + width] for k, weight in enumerate(window)))


def _ssim_plane(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    window = _gaussian()
    mean_a, mean_b = _blur(a, window), _blur(b, window)
    var_a = _blur(a * a, window) - mean_a**2
    var_b = _blur(b * b, window) - mean_b**2
    covariance = _blur(a * b, window) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + _C1) / (mean_a**2 + mean_b**2 + _C1)
    structure = (2 * covariance + _C2) / (var_a + var_b + _C2)
    return float(np.mean(luminance * structure))
