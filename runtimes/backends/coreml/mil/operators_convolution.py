"""`conv` in two dimensions. Every sum is kept in float32 and rounded once, by the executor.

1x1 and dense kernels are matrix products; depthwise ones are shifted products, a channel at a time, so that what is
worked on stays in the cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlgsanet.errors import InputError
from runtimes.backends.coreml.mil.operators_elementwise import Arguments, Operator
from runtimes.backends.coreml.mil.tensor_types import MAX_ELEMENTS, Anything


@dataclass(frozen=True)
class Geometry:
    """Kernel, strides, dilations as (y, x); padding as (top, bottom, left, right)."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    pads: tuple[int, int, int, int]

    def out(self, size: int, axis: int) -> int:
        """Positions of the kernel along axis 0 (y) or 1 (x) of an input of this size."""
        reach = self.dilations[axis] * (self.kernel[axis] - 1) + 1
        return (size + self.pads[2 * axis] + self.pads[2 * axis + 1] - reach) // self.strides[axis] + 1

    def shifted(self, x: Anything, at: tuple[int, int], size: tuple[int, int]) -> Anything:
        """What tap `at` of the kernel sees of the padded x (..., H, W): (..., size)."""
        starts = [at[i] * self.dilations[i] for i in (0, 1)]
        ends = [starts[i] + (size[i] - 1) * self.strides[i] + 1 for i in (0, 1)]
        return x[..., starts[0] : ends[0] : self.strides[0], starts[1] : ends[1] : self.strides[1]]


def conv(a: Arguments) -> Anything:
    """x (N, C, H, W), weight (O, C / groups, kH, kW), bias (O): a correlation with zeros around x."""
    x, weight = a["x"], a["weight"]
    if x.ndim != 4 or weight.ndim != 4:
        raise InputError(f"conv: expected two dimensions, found shapes {x.shape} and {weight.shape}; export again")
    shape = geometry(a, (int(weight.shape[2]), int(weight.shape[3])))
    groups = int(a.get("groups", 1))
    if weight.shape[1] * groups != x.shape[1] or weight.shape[0] % groups:
        raise InputError(f"conv: weight {weight.shape} in {groups} groups does not fit {x.shape[1]} channels")
    size = (shape.out(x.shape[2], 0), shape.out(x.shape[3], 1))
    if min(size) < 1 or float(size[0]) * size[1] * weight.shape[0] > MAX_ELEMENTS:
        raise InputError(f"conv: the result would have {size[0]}x{size[1]} positions; export again")
    top, bottom, left, right = shape.pads
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right))) if any(shape.pads) else x
    out = np.empty((x.shape[0], weight.shape[0], *size), np.float32)
    fill = _depthwise if weight.shape[1] == 1 and groups > 1 else _dense
    for image, result in zip(padded, out, strict=True):
        fill(image, weight, groups, shape, result)
    if "bias" in a:
        out += a["bias"].reshape(1, -1, 1, 1)
    return out


def geometry(a: Arguments, kernel: tuple[int, int]) -> Geometry:
    """How a kernel of this size moves. Raises InputError for what makes no sense."""
    kind = str(a.get("pad_type", "valid"))
    if kind not in ("valid", "custom"):
        raise InputError(f"conv: the pad_type {kind} is not understood; export again")
    pads = [int(side) for side in a["pad"]] if kind == "custom" else [0] * 4
    strides, dilations = ([int(step) for step in a.get(name, (1, 1))] for name in ("strides", "dilations"))
    if len(pads) != 4 or min(pads) < 0 or min(*strides, *dilations) < 1:
        raise InputError(f"conv: pad {pads}, strides {strides}, dilations {dilations} make no sense; export again")
    return Geometry(
        kernel, (strides[0], strides[1]), (dilations[0], dilations[1]), (pads[0], pads[1], pads[2], pads[3])
    )


def _depthwise(image: Anything, weight: Anything, groups: int, shape: Geometry, out: Anything) -> None:
    """Each group is one channel; its outputs lie together."""
    multiplier = weight.shape[0] // groups
    size = (int(out.shape[1]), int(out.shape[2]))
    term = np.empty(size, np.float32)
    for channel in range(groups):
        results = out[channel * multiplier : (channel + 1) * multiplier]
        results[:] = 0
        kernels = weight[channel * multiplier : (channel + 1) * multiplier, 0]
        for y in range(shape.kernel[0]):
            for x in range(shape.kernel[1]):
                seen = shape.shifted(image[channel], (y, x), size)
                for result, kernel in zip(results, kernels, strict=True):
                    np.multiply(seen, kernel[y, x], out=term)
                    result += term


def _dense(image: Anything, weight: Anything, groups: int, shape: Geometry, out: Anything) -> None:
    """Each group is a matrix product with the taps of its channels, gathered row by row."""
    size = (int(out.shape[1]), int(out.shape[2]))
    taps = [(y, x) for y in range(shape.kernel[0]) for x in range(shape.kernel[1])]
    outs, ins = weight.shape[0] // groups, weight.shape[1]
    for group in range(groups):
        channels = image[group * ins : (group + 1) * ins]
        matrix = weight[group * outs : (group + 1) * outs].transpose(0, 2, 3, 1).reshape(outs, -1)
        seen = np.concatenate([shape.shifted(channels, tap, size) for tap in taps]).reshape(len(taps) * ins, -1)
        out[group * outs : (group + 1) * outs] = (matrix @ seen).reshape(outs, *size)


CONVOLUTION: dict[str, Operator] = {
    "conv": (conv, ("x", "weight"), ("bias", "strides", "pad_type", "pad", "dilations", "groups")),
}
"""Kind -> (function, required parameters, optional parameters)."""
