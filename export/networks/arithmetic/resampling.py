"""ONNX' Resize along each axis by itself, as a matrix of weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
CUBIC = -0.75  # the operator's default


def resampled(
    x: Values, scales: Values | None, sizes: Sequence[int] | None, how: tuple[str, str, str]
) -> Values | None:
    """`how`: mode, transformation of coordinates, rounding of nearest; None where one of them is not known here."""
    mode, places, rounding = how
    made = x
    for axis, side in enumerate(x.shape):
        if sizes is not None and len(sizes):
            into, scale = int(sizes[axis]), int(sizes[axis]) / side
        elif scales is not None and len(scales):
            scale = float(scales[axis])
            into = int(side * scale)
        else:
            return None
        if (into, scale) == (side, 1.0):
            continue
        at = _coordinates(into, side, scale, places)
        weights = None if at is None else _weights(at, side, mode, rounding)
        if weights is None:
            return None
        made = np.moveaxis(np.tensordot(weights, made, (1, axis)), 0, axis)
    return np.ascontiguousarray(made)


def _coordinates(into: int, side: int, scale: float, places: str) -> Values | None:
    out = np.arange(into, dtype=np.float64)
    if places == "half_pixel" or (places == "pytorch_half_pixel" and into > 1):
        return (out + 0.5) / scale - 0.5
    if places == "asymmetric":
        return out / scale
    if places == "align_corners" and into > 1:
        return out * (side - 1) / (into - 1)
    return None


def _weights(at: Values, side: int, mode: str, rounding: str) -> Values | None:
    """(outputs, inputs); what lies outside is the pixel at the edge."""
    first = np.floor(at).astype(int)
    if mode == "nearest":
        rounded = {
            "floor": np.floor(at),
            "ceil": np.ceil(at),
            "round_prefer_floor": np.ceil(at - 0.5),
            "round_prefer_ceil": np.floor(at + 0.5),
        }.get(rounding)
        taps = None if rounded is None else [(rounded.astype(int), np.ones_like(at))]
    elif mode == "linear":
        taps = [(first + k, 1 - np.abs(at - first - k)) for k in (0, 1)]
    else:
        taps = [(first + k, _cubic(np.abs(at - first - k))) for k in range(-1, 3)] if mode == "cubic" else None
    if taps is None:
        return None
    weights = np.zeros((len(at), side))
    for place, weight in taps:
        np.add.at(weights, (np.arange(len(at)), place.clip(0, side - 1)), weight)
    return weights


def _cubic(distance: Values) -> Values:
    a, d = CUBIC, distance
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))
