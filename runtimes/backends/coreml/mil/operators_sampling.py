"""Operators that change how many pixels there are: pooling, transposed convolutions, blocks, tables of places.

Semantics are those of the MIL operator reference (see `runtimes.backends.coreml.mil.operators_elementwise`).
"""

from __future__ import annotations

import numpy as np

from dlgsanet.errors import InputError
from runtimes.backends.coreml.mil.operators_convolution import Geometry, geometry
from runtimes.backends.coreml.mil.operators_elementwise import Arguments, Operator
from runtimes.backends.coreml.mil.tensor_types import MAX_ELEMENTS, Anything


def max_pool(a: Arguments) -> Anything:
    """The largest value below the kernel; what lies outside of x counts nothing."""
    shape, size, padded = _window(a, np.float32(-np.inf))
    found = [shape.shifted(padded, (y, x), size) for y in range(shape.kernel[0]) for x in range(shape.kernel[1])]
    return np.asarray(np.max(found, axis=0))


def average_pool(a: Arguments) -> Anything:
    """The mean below the kernel, of zeros outside of x or without them."""
    shape, size, padded = _window(a, np.float32(0))
    alone = bool(a.get("exclude_padding_from_average", False))
    counted = _window({**a, "x": np.ones_like(a["x"])}, np.float32(0 if alone else 1))[2]
    taps = [(y, x) for y in range(shape.kernel[0]) for x in range(shape.kernel[1])]
    total, count = (np.sum([shape.shifted(of, tap, size) for tap in taps], axis=0) for of in (padded, counted))
    return np.asarray(total / count)


def _window(a: Arguments, outside: np.float32) -> tuple[Geometry, tuple[int, int], Anything]:
    """The kernel's places, how many there are, and x with its surroundings."""
    x = a["x"]
    kernel = [int(side) for side in a["kernel_sizes"]]
    if x.ndim != 4 or len(kernel) != 2 or bool(a.get("ceil_mode", False)):
        raise InputError(f"pool: kernel {kernel} on shape {x.shape} is not understood; export again")
    shape = geometry(a, (kernel[0], kernel[1]))
    top, bottom, left, right = shape.pads
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=outside)
    size = (shape.out(x.shape[2], 0), shape.out(x.shape[3], 1))
    if min(size) < 1:
        raise InputError(f"pool: kernel {kernel} is larger than {x.shape[2:]}; export again")
    return shape, size, padded


def conv_transpose(a: Arguments) -> Anything:
    """Every value of x times the kernel, added where it falls: weight (C, O / groups, kH, kW)."""
    x, weight, groups = a["x"], a["weight"], int(a.get("groups", 1))
    if x.ndim != 4 or weight.ndim != 4 or weight.shape[0] != x.shape[1] or x.shape[1] % groups:
        raise InputError(f"conv_transpose: shapes {x.shape} and {weight.shape} do not fit; export again")
    shape = geometry(a, (int(weight.shape[2]), int(weight.shape[3])))
    outs, ins = int(weight.shape[1]), x.shape[1] // groups
    full = [shape.strides[i] * (x.shape[2 + i] - 1) + shape.dilations[i] * (shape.kernel[i] - 1) + 1 for i in (0, 1)]
    if float(full[0]) * full[1] * outs * groups > MAX_ELEMENTS:
        raise InputError(f"conv_transpose: the result would have {full[0]}x{full[1]} positions; export again")
    out = np.zeros((x.shape[0], outs * groups, *full), np.float32)
    for group in range(groups):
        given, taps = x[:, group * ins : (group + 1) * ins], weight[group * ins : (group + 1) * ins]
        target = out[:, group * outs : (group + 1) * outs]
        for row in range(shape.kernel[0]):
            for col in range(shape.kernel[1]):
                part = np.einsum("nchw,co->nohw", given, taps[:, :, row, col], optimize=True)
                shape.shifted(target, (row, col), (x.shape[2], x.shape[3]))[...] += part
    top, bottom, left, right = shape.pads
    cut = out[:, :, top : full[0] - bottom, left : full[1] - right]
    if "output_shape" in a and tuple(int(side) for side in a["output_shape"]) != cut.shape:
        raise InputError(f"conv_transpose: expected {list(a['output_shape'])}, found {list(cut.shape)}; export again")
    return np.asarray(cut + a["bias"].reshape(1, -1, 1, 1) if "bias" in a else cut)


def gather(a: Arguments) -> Anything:
    """The places along axis, in their order."""
    if int(a.get("batch_dims", 0)):
        raise InputError("gather: batch_dims is not understood; export again")
    return np.take(a["x"], a["indices"], int(a.get("axis", 0)))


def depth_to_space(a: Arguments) -> Anything:
    """(N, b b C, H, W) -> (N, C, bH, bW): out[n, c, b h + i, b w + j] = x[n, (b i + j) C + c, h, w]."""
    x, b = a["x"], _block(a)
    n, c, h, w = x.shape
    if c % (b * b):
        raise InputError(f"depth_to_space: {c} channels are no blocks of {b}x{b}; export again")
    parts = x.reshape(n, b, b, c // (b * b), h, w).transpose(0, 3, 4, 1, 5, 2)
    return parts.reshape(n, c // (b * b), h * b, w * b)


def space_to_depth(a: Arguments) -> Anything:
    """(N, C, bH, bW) -> (N, b b C, H, W): out[n, (b i + j) C + c, h, w] = x[n, c, b h + i, b w + j]."""
    x, b = a["x"], _block(a)
    n, c, h, w = x.shape
    if h % b or w % b:
        raise InputError(f"space_to_depth: {h}x{w} is no multiple of {b}; export again")
    parts = x.reshape(n, c, h // b, b, w // b, b).transpose(0, 3, 5, 1, 2, 4)
    return parts.reshape(n, c * b * b, h // b, w // b)


def _block(a: Arguments) -> int:
    size = int(a["block_size"])
    if size < 2 or a["x"].ndim != 4:
        raise InputError(f"blocks: a block of {size} on shape {a['x'].shape} is not understood; export again")
    return size


def tile(a: Arguments) -> Anything:
    """Side by side, so many times along each axis."""
    times = [int(count) for count in a["reps"]]
    if a["x"].size * np.prod(times, dtype=float) > MAX_ELEMENTS:
        raise InputError(f"tile: {times} times {a['x'].shape} is more than any tile; export again")
    return np.tile(a["x"], times)


_POOL = ("strides", "pad_type", "pad", "ceil_mode")
SAMPLING: dict[str, Operator] = {
    "avg_pool": (average_pool, ("x", "kernel_sizes"), (*_POOL, "exclude_padding_from_average")),
    "conv_transpose": (
        conv_transpose, ("x", "weight"),
        ("bias", "strides", "pad_type", "pad", "dilations", "groups", "output_shape"),
    ),
    "depth_to_space": (depth_to_space, ("x", "block_size"), ()),
    "gather": (gather, ("x", "indices"), ("axis", "batch_dims", "validate_indices")),
    "max_pool": (max_pool, ("x", "kernel_sizes"), _POOL),
    "space_to_depth": (space_to_depth, ("x", "block_size"), ()),
    "tile": (tile, ("x", "reps"), ()),
}  # fmt: skip
"""Kind -> (function, required parameters, optional parameters)."""
