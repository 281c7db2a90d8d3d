"""Y'CbCr planes to RGB in [0, 1] and back, in float32: matrix, range and bits as ITU-R BT.601, 709 and 2020 state.

The network sees the R'G'B' that the video codes, gamma and all: transfer and primaries are carried, not converted.
Chroma of half the columns is taken as H.264 and H.265 have it unless told otherwise: on every other column ("left"),
and between two rows where the rows are halved too. Up by linear interpolation, down by the filter that fits it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import InputError
from dlgsanet.imaging.pixels import Pixels

Array = NDArray[np.float32]
Planes = tuple[Pixels, Pixels, Pixels]
"""Y', Cb, Cr."""

UNSPECIFIED = 2
LIMITED, FULL = 1, 2  # as FFmpeg counts them; 0 is untold
HD_ROWS = 720

# Weights of red and blue in Y', by the code of ITU-T H.273.
WEIGHTS = {
    1: (0.2126, 0.0722),  # BT.709
    4: (0.30, 0.11),  # FCC
    5: (0.299, 0.114),  # BT.601 of 625 lines
    6: (0.299, 0.114),  # BT.601 of 525 lines
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020 non-constant luminance
}
MATRIX_NAMES = {1: "BT.709", 4: "FCC", 5: "BT.601", 6: "BT.601", 7: "SMPTE 240M", 9: "BT.2020"}


BAND = 32
"""Rows, an even number, made into planes at once: so few that they stay in the cache, which is four times as fast."""


@dataclass(frozen=True)
class Layout:
    """Planes of one pixel format: `bits` a sample, luma pixels to a chroma pixel in `rows` and `columns`."""

    name: str
    bits: int
    rows: int
    columns: int

    @property
    def dtype(self) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
        return np.dtype(np.uint8) if self.bits == 8 else np.dtype(np.uint16)

    def chroma(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the chroma planes."""
        return -(-height // self.rows), -(-width // self.columns)


def _layouts() -> dict[str, Layout]:
    steps = {"420": (2, 2), "422": (1, 2), "444": (1, 1)}
    depths = {8: "", 10: "10le", 12: "12le"}
    own = [Layout(f"yuv{s}p{end}", bits, *steps[s]) for s in steps for bits, end in depths.items()]
    found = {layout.name: layout for layout in own}
    full = {f"yuvj{s}p": found[f"yuv{s}p"] for s in steps}
    packed = {"nv12": found["yuv420p"], "p010le": found["yuv420p10le"]}
    return found | full | packed


LAYOUTS = _layouts()
"""Pixel format -> the planar layout that it is, or is repacked to without loss."""


@dataclass(frozen=True)
class Colour:
    """What the samples mean: codes of ITU-T H.273, and the range. `assumed`: the file did not tell its matrix."""

    matrix: int
    primaries: int
    transfer: int
    full: bool
    assumed: bool = False

    def words(self) -> str:
        """For a person."""
        return f"{MATRIX_NAMES[self.matrix]}, {'full' if self.full else 'limited'} range"


def resolve(matrix: int, primaries: int, transfer: int, full: bool, rows: int) -> Colour:
    """What the tags of a file mean. An untold matrix is the one that players take for so many rows, and all that is
    untold is told of the output: a player would guess otherwise from its larger size. Raises InputError for a matrix
    that this room does not know."""
    guess = 1 if rows >= HD_ROWS else 6
    assumed = matrix in (UNSPECIFIED, 3)
    matrix = guess if assumed else matrix
    if matrix not in WEIGHTS:
        known = ", ".join(sorted(set(MATRIX_NAMES.values())))
        raise InputError(f"expected Y'CbCr by {known}, found matrix {matrix} of H.273; convert the video first")
    usual = 6 if matrix in (5, 6) else 1
    if primaries == UNSPECIFIED and matrix != 9:
        primaries = matrix if matrix in (5, 6) else usual
    if transfer == UNSPECIFIED and matrix != 9:
        transfer = usual
    return Colour(matrix, primaries, transfer, full, assumed)


def to_rgb(planes: tuple[Pixels, Pixels, Pixels], layout: Layout, colour: Colour) -> Array:
    """Planes Y', Cb, Cr to 1 x 3 x H x W R'G'B' float32; what lies outside [0, 1] is clipped."""
    height, width = planes[0].shape
    low, luma, chroma = _scales(layout.bits, colour.full)
    middle = np.float32(1 << (layout.bits - 1))
    y = (planes[0].astype(np.float32) - low) * np.float32(1 / luma)
    cb, cr = (_enlarged((plane.astype(np.float32) - middle), layout, height, width) for plane in planes[1:])
    red, blue = WEIGHTS[colour.matrix]
    green = 1 - red - blue
    rgb = np.empty((1, 3, height, width), np.float32)
    rgb[0, 0] = y + cr * np.float32(2 * (1 - red) / chroma)
    rgb[0, 1] = y - cb * np.float32(2 * blue * (1 - blue) / green / chroma)
    rgb[0, 1] -= cr * np.float32(2 * red * (1 - red) / green / chroma)
    rgb[0, 2] = y + cb * np.float32(2 * (1 - blue) / chroma)
    return np.clip(rgb, 0, 1, out=rgb)


def to_planes(rgb: Array, layout: Layout, colour: Colour) -> Planes:
    """3 x H x W R'G'B' float32, clipped to [0, 1], to planes Y', Cb, Cr of the layout, rounded."""
    height, width = rgb.shape[1:]
    planes = empty_planes(height, width, layout)
    put_planes(planes, rgb, 0, layout, colour)
    return planes


def empty_planes(height: int, width: int, layout: Layout) -> Planes:
    """Of a picture that is not known yet."""
    small = layout.chroma(height, width)
    luma, cb, cr = (np.empty(shape, layout.dtype) for shape in ((height, width), small, small))
    return luma, cb, cr


def put_planes(planes: Planes, rgb: Array, first: int, layout: Layout, colour: Colour) -> None:
    """The same for the rows of a picture from row `first` on: whole bands of BAND rows, and what is left at the end.
    Each band is made as it is with all others, so that its samples are the same."""
    for top in range(0, rgb.shape[1], BAND):
        y, blue, red = _band_to_planes(rgb[:, top : top + BAND], layout, colour)
        at = (first + top) // layout.rows
        for plane, samples, row in zip(planes, (y, blue, red), (first + top, at, at), strict=True):
            plane[row : row + len(samples)] = samples


def _band_to_planes(rgb: Array, layout: Layout, colour: Colour) -> Planes:
    low, luma, chroma = _scales(layout.bits, colour.full)
    red, blue = WEIGHTS[colour.matrix]
    weights = np.array([red, 1 - red - blue, blue])
    rgb = np.clip(rgb, 0, 1)
    y = _product(weights * luma, rgb)
    y += low
    small = _reduced(rgb, layout)
    to_cb = (np.array([0, 0, 1]) - weights) / (2 * (1 - blue)) * chroma
    to_cr = (np.array([1, 0, 0]) - weights) / (2 * (1 - red)) * chroma
    middle = np.float32(1 << (layout.bits - 1))
    return (
        _rounded(y, layout),
        _rounded(_product(to_cb, small) + middle, layout),
        _rounded(_product(to_cr, small) + middle, layout),
    )


def _scales(bits: int, full: bool) -> tuple[np.float32, float, float]:
    """The sample of black, and how many samples Y' and Cb, Cr span."""
    if full:
        return np.float32(0), float((1 << bits) - 1), float((1 << bits) - 1)
    step = 1 << (bits - 8)
    return np.float32(16 * step), 219.0 * step, 224.0 * step


def _product(weights: NDArray[np.float64], rgb: Array) -> Array:
    """One plane: the weighted sum of three."""
    flat: Array = weights.astype(np.float32) @ rgb.reshape(3, -1)
    return flat.reshape(rgb.shape[1:])


def _rounded(plane: Array, layout: Layout) -> Pixels:
    np.rint(plane, out=plane)
    np.clip(plane, 0, (1 << layout.bits) - 1, out=plane)
    return plane.astype(layout.dtype)


def _enlarged(plane: Array, layout: Layout, height: int, width: int) -> Array:
    """Chroma at every luma pixel."""
    if layout.rows == 2:
        above, below = np.vstack([plane[:1], plane[:-1]]), np.vstack([plane[1:], plane[-1:]])
        plane = _interleaved(0.75 * plane + 0.25 * above, 0.75 * plane + 0.25 * below, 0)[:height]
    if layout.columns == 2:
        after = np.hstack([plane[:, 1:], plane[:, -1:]])
        plane = _interleaved(plane, (plane + after) * np.float32(0.5), 1)[:, :width]
    return plane


def _interleaved(even: Array, odd: Array, axis: int) -> Array:
    shape = list(even.shape)
    shape[axis] *= 2
    out = np.empty(shape, np.float32)
    out[(slice(None),) * axis + (slice(0, None, 2),)] = even
    out[(slice(None),) * axis + (slice(1, None, 2),)] = odd
    return out


def _reduced(rgb: Array, layout: Layout) -> Array:
    """Colours at the chroma pixels; an odd last row or column is repeated."""
    if layout.rows == 2:
        lower = rgb[:, 1::2] if rgb.shape[1] % 2 == 0 else np.concatenate([rgb[:, 1::2], rgb[:, -1:]], axis=1)
        rgb = (rgb[:, 0::2] + lower) * np.float32(0.5)
    if layout.columns == 2:
        even, odd = rgb[:, :, 0::2], rgb[:, :, 1::2]
        if rgb.shape[2] % 2:
            odd = np.concatenate([odd, rgb[:, :, -1:]], axis=2)
        before = np.concatenate([even[:, :, :1], odd[:, :, :-1]], axis=2)
        rgb = even * np.float32(0.5) + (before + odd) * np.float32(0.25)
    return rgb
