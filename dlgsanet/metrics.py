"""PSNR and SSIM as super-resolution papers measure them, and the protocol without which two numbers cannot be compared.

NumPy only, and the only implementation of the project.

Values are on the 0..255 scale in float64. Y is that of BT.601 in studio range (16..235), as MATLAB's
`rgb2ycbcr`, not rounded. SSIM is that of Wang et al. 2004: an 11x11 Gaussian window of sigma 1.5, K1 = 0.01,
K2 = 0.03, valid positions only.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import InputError
from dlgsanet.imaging.pixels import Pixels

Colour = Literal["y", "rgb"]
COLOURS: tuple[Colour, ...] = ("y", "rgb")

_PEAK = 255.0
_Y_WEIGHTS = np.array([65.481, 128.553, 24.966]) / 255.0
_Y_OFFSET = 16.0
_WINDOW = 11
_SIGMA = 1.5
_C1 = (0.01 * _PEAK) ** 2
_C2 = (0.03 * _PEAK) ** 2
_HASH_DIGITS = 8
_PARTS = ("scale", "colour", "border", "rounding", "LR source", "tiling", "data set")


def psnr(sr: Pixels, hr: Pixels, *, border: int, colour: Colour = "y", rounded: bool = True) -> float:
    """PSNR in dB of two HWC RGB images, uint8 or float in [0, 1]; infinity if they are equal.

    `border` pixels are cut from every side; `rounded` first brings both to 8 bits, clipped, as in a file.
    Raises InputError: different shapes, not HWC RGB, non-finite pixels, nothing left inside the border.
    """
    a, b = _prepared(sr, hr, border, colour, rounded)
    return _decibels(float(np.mean((a - b) ** 2)), _PEAK)


def ssim(sr: Pixels, hr: Pixels, *, border: int, colour: Colour = "y", rounded: bool = True) -> float:
    """SSIM in [-1, 1] of two images, mean over the channels; arguments and errors as for `psnr`.

    Raises InputError too if less than 11x11 pixels are inside the border.
    """
    a, b = _prepared(sr, hr, border, colour, rounded)
    if min(a.shape[:2]) < _WINDOW:
        raise InputError(f"expected at least {_WINDOW}x{_WINDOW} inside the border, found {a.shape[:2]}")
    return float(np.mean([_ssim_plane(a[..., c], b[..., c]) for c in range(a.shape[2])]))


def psnr_float(a: Pixels, b: Pixels) -> float:
    """PSNR in dB at peak 1 of two float arrays of one shape, neither clamped nor rounded; infinity if equal.

    The `to_reference_db` figure. Raises InputError: different shapes, empty, non-finite values.
    """
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    _check_pair(x, y)
    return _decibels(float(np.mean((x - y) ** 2)), 1.0)


def rgb_to_y(rgb: Pixels) -> NDArray[np.float64]:
    """Luma (H, W, 1) in 16..235 of RGB (H, W, 3) on the 0..255 scale: BT.601, studio range, not rounded."""
    return np.asarray((rgb.astype(np.float64) @ _Y_WEIGHTS)[..., None] + _Y_OFFSET)


@dataclass(frozen=True)
class Protocol:
    """Everything that moves a PSNR without the network moving.

    `border` is in HR pixels; `rounded` says 8 bits before measuring; `lr_source` names how the LR came to be,
    e.g. `bicubic-matlab8`; `tile` (H, W) and `overlap` are in LR pixels, `fill` is the mode of numpy.pad that continues
    an image smaller than a tile, all three are None for the whole image at once; `dataset_sha256` covers the image
    files. Raises InputError where a field is not of that kind.
    """

    scale: int
    colour: Colour
    border: int
    rounded: bool
    lr_source: str
    tile: tuple[int, int] | None
    overlap: int | None
    fill: str | None
    dataset_sha256: str

    def __post_init__(self) -> None:
        if self.scale < 1 or self.border < 0:
            raise InputError(f"expected scale >= 1 and border >= 0, found {self.scale} and {self.border}")
        if self.colour not in COLOURS:
            raise InputError(f"expected a colour of {' '.join(COLOURS)}, found {self.colour!r}")
        if not re.fullmatch(r"[a-z0-9-]+", self.lr_source):
            raise InputError(f"expected an LR source of letters, digits and dashes, found {self.lr_source!r}")
        if len({it is None for it in (self.tile, self.overlap, self.fill)}) > 1:
            raise InputError(
                f"expected tile, overlap and fill together, found {self.tile}, {self.overlap} and {self.fill}"
            )
        if not re.fullmatch(r"[0-9a-f]{64}", self.dataset_sha256):
            raise InputError(f"expected the data set's SHA-256, found {self.dataset_sha256!r}")

    @property
    def id(self) -> str:
        """Readable and stable, e.g. `x4/y/b4/r8/bicubic-matlab8/t128x128+8s/ab12cd34`: the `s` is for symmetric."""
        rounding = "r8" if self.rounded else "float"
        fill = "" if self.fill in (None, "reflect") else str(self.fill)[0]  # without a letter: as it was at first
        tiling = "whole" if self.tile is None else f"t{self.tile[0]}x{self.tile[1]}+{self.overlap}{fill}"
        data = self.dataset_sha256[:_HASH_DIGITS]
        return f"x{self.scale}/{self.colour}/b{self.border}/{rounding}/{self.lr_source}/{tiling}/{data}"

    def psnr(self, sr: Pixels, hr: Pixels) -> float:
        """`psnr` under this protocol."""
        return psnr(sr, hr, border=self.border, colour=self.colour, rounded=self.rounded)

    def ssim(self, sr: Pixels, hr: Pixels) -> float:
        """`ssim` under this protocol."""
        return ssim(sr, hr, border=self.border, colour=self.colour, rounded=self.rounded)


def require_same(a_id: str, b_id: str) -> None:
    """Raises InputError, naming what differs, unless both numbers were measured under one protocol."""
    if a_id == b_id:
        return
    a, b = a_id.split("/"), b_id.split("/")
    if len(a) == len(b) == len(_PARTS):
        differing = ", ".join(f"{n} {x} / {y}" for n, x, y in zip(_PARTS, a, b, strict=True) if x != y)
    else:
        differing = f"{a_id!r} / {b_id!r}"
    raise InputError(f"expected numbers of one protocol, found {differing}; measure both under the same one")


def _prepared(
    sr: Pixels, hr: Pixels, border: int, colour: Colour, rounded: bool
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


def _check_pair(a: Pixels, b: Pixels) -> None:
    if a.shape != b.shape:
        raise InputError(f"expected two images of one shape, found {a.shape} and {b.shape}")
    if not a.size:
        raise InputError("expected pixels, found an empty image")
    for values in (a, b):
        if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
            raise InputError("expected finite pixels, found NaN or infinity; the output is broken")


def _scaled(img: Pixels, rounded: bool) -> NDArray[np.float64]:
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
