"""Operators that reduce, multiply or move tensors. Floats are carried as float32.

Semantics are those of the MIL operator reference (see `runtimes.backends.coreml.mil.operators_elementwise`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dlgsanet.errors import InputError
from runtimes.backends.coreml.mil.operators_elementwise import Arguments, Operator
from runtimes.backends.coreml.mil.tensor_types import MAX_ELEMENTS, Anything

_PAD_MODES = {"reflect": "reflect", "replicate": "edge"}


def reduce(function: Callable[..., Anything]) -> Callable[[Arguments], Anything]:
    """x over axes (all if not given), kept as 1 with keep_dims."""

    def run(a: Arguments) -> Anything:
        axes = tuple(int(i) for i in a["axes"]) if "axes" in a else None
        return np.asarray(function(a["x"], axis=axes, keepdims=bool(a.get("keep_dims", False))))

    return run


def _l2(x: Anything, axis: tuple[int, ...] | None, keepdims: bool) -> Anything:
    return np.asarray(np.sqrt(np.sum(np.square(x), axis=axis, keepdims=keepdims)))


def layer_norm(a: Arguments) -> Anything:
    """gamma (x - mean) / sqrt(var + epsilon) + beta over axes; gamma and beta have the shape of those axes."""
    x = a["x"]
    axes = tuple(int(i) % x.ndim for i in a["axes"]) if "axes" in a else tuple(range(x.ndim))
    centred = x - np.mean(x, axis=axes, keepdims=True)
    variance = np.mean(np.square(centred), axis=axes, keepdims=True)
    out = centred / np.sqrt(variance + np.float32(a.get("epsilon", 1e-5)))
    shape = [size if i in axes else 1 for i, size in enumerate(x.shape)]
    if "gamma" in a:
        out = out * a["gamma"].reshape(shape)
    return np.asarray(out + a["beta"].reshape(shape) if "beta" in a else out)


def instance_norm(a: Arguments) -> Anything:
    """gamma (x - mean) / sqrt(var + epsilon) + beta over all pixels of a channel."""
    x = a["x"]
    over = tuple(range(2, x.ndim))
    centred = x - np.mean(x, axis=over, keepdims=True)
    variance = np.mean(np.square(centred), axis=over, keepdims=True)
    return _scaled(centred / np.sqrt(variance + np.float32(a.get("epsilon", 1e-5))), a)


def batch_norm(a: Arguments) -> Anything:
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, with numbers for each channel."""
    column = (1, -1, *[1] * (a["x"].ndim - 2))
    root = np.sqrt(a["variance"] + np.float32(a.get("epsilon", 1e-5)))
    return _scaled((a["x"] - a["mean"].reshape(column)) / root.reshape(column), a)


def _scaled(x: Anything, a: Arguments) -> Anything:
    column = (1, -1, *[1] * (x.ndim - 2))
    grown = x * a["gamma"].reshape(column) if "gamma" in a else x
    return np.asarray(grown + a["beta"].reshape(column) if "beta" in a else grown)


def softmax(a: Arguments) -> Anything:
    """exp(x) / sum exp(x) along axis."""
    x, axis = a["x"], int(a.get("axis", -1))
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return np.asarray(powers / np.sum(powers, axis=axis, keepdims=True))


def matmul(a: Arguments) -> Anything:
    """x y, either transposed in its last two axes."""
    x, y = a["x"], a["y"]
    if bool(a.get("transpose_x", False)):
        x = np.swapaxes(x, -1, -2)
    if bool(a.get("transpose_y", False)):
        y = np.swapaxes(y, -1, -2)
    return np.asarray(np.matmul(x, y))


def linear(a: Arguments) -> Anything:
    """x weight^T + bias; weight (out, in)."""
    out = np.matmul(a["x"], a["weight"].T)
    return np.asarray(out + a["bias"] if "bias" in a else out)


def concat(a: Arguments) -> Anything:
    """The values along axis, one behind the other or by turns."""
    values = tuple(a["values"])
    axis = int(a["axis"]) % values[0].ndim
    if not bool(a.get("interleave", False)):
        return np.concatenate(values, axis=axis)
    shape = list(values[0].shape)
    shape[axis] *= len(values)
    return np.stack(values, axis=axis + 1).reshape(shape)


def split(a: Arguments) -> tuple[Anything, ...]:
    """x cut along axis into split_sizes, or into num_splits equal parts."""
    x, axis = a["x"], int(a["axis"])
    if "split_sizes" not in a:
        return tuple(np.split(x, int(a["num_splits"]), axis))
    sizes = [int(size) for size in a["split_sizes"]]
    if sum(sizes) != x.shape[axis] or min(sizes) < 1:
        raise InputError(f"split: {sizes} do not add up to the {x.shape[axis]} of axis {axis}; export again")
    return tuple(np.split(x, np.cumsum(sizes)[:-1], axis))


def slice_by_index(a: Arguments) -> Anything:
    """x[begin:end:stride] on every axis; masks mean "from the beginning", "to the end" and "this one index"."""
    x = a["x"]
    none = [False] * x.ndim
    begins, ends = a.get("begin_mask", none), a.get("end_mask", none)
    squeezes, strides = a.get("squeeze_mask", none), a.get("stride", [1] * x.ndim)
    index: list[slice | int] = []
    for axis in range(x.ndim):
        if squeezes[axis]:
            index.append(int(a["begin"][axis]))
            continue
        begin = None if begins[axis] else int(a["begin"][axis])
        end = None if ends[axis] else int(a["end"][axis])
        index.append(slice(begin, end, int(strides[axis])))
    return x[tuple(index)]


def pad(a: Arguments) -> Anything:
    """(before, after) for each of the last axes; mode constant (constant_val), reflect or replicate."""
    x, mode = a["x"], str(a.get("mode", "constant"))
    sides = [int(side) for side in a["pad"]]
    pairs = [(0, 0)] * (x.ndim - len(sides) // 2) + list(zip(sides[::2], sides[1::2], strict=True))
    if np.prod([float(size + sum(pair)) for size, pair in zip(x.shape, pairs, strict=True)]) > MAX_ELEMENTS:
        raise InputError(f"pad: {pairs} on shape {x.shape} is more than any tile of ours; export again")
    if mode == "constant":
        return np.pad(x, pairs, constant_values=a.get("constant_val", np.float32(0)))
    if mode not in _PAD_MODES:
        raise InputError(f"pad: the mode {mode} is not known; export again")
    return np.asarray(np.pad(x, pairs, mode=_PAD_MODES[mode]))  # type: ignore[call-overload]


def reshape(a: Arguments) -> Anything:
    """To shape, in which 0 keeps the size that stood there and one -1 takes what is left."""
    x = a["x"]
    shape = [int(size) for size in a["shape"]]
    return x.reshape([x.shape[i] if size == 0 else size for i, size in enumerate(shape)])


def transpose(a: Arguments) -> Anything:
    """Axis i of the result is axis perm[i] of x."""
    return np.transpose(a["x"], [int(axis) for axis in a["perm"]])


def reverse(a: Arguments) -> Anything:
    """The axes that are given, or all of them, from their last place to their first."""
    return np.flip(a["x"], tuple(int(i) for i in a["axes"]) if "axes" in a else None)


def squeeze(a: Arguments) -> Anything:
    """Without the axes of size 1 that are given, or all of them."""
    return np.squeeze(a["x"], tuple(int(i) for i in a["axes"]) if "axes" in a else None)


def expand_dims(a: Arguments) -> Anything:
    """With new axes of size 1 at these places of the result."""
    return np.expand_dims(a["x"], tuple(int(i) for i in a["axes"]))


def pixel_shuffle(a: Arguments) -> Anything:
    """(N, C r r, H, W) -> (N, C, rH, rW): out[n, c, r h + i, r w + j] = x[n, c r r + i r + j, h, w]."""
    x, r = a["x"], int(a["upscale_factor"])
    n, c, h, w = x.shape
    parts = x.reshape(n, c // (r * r), r, r, h, w).transpose(0, 1, 4, 2, 5, 3)
    return parts.reshape(n, c // (r * r), h * r, w * r)


def upsample_nearest(a: Arguments) -> Anything:
    """The last two axes by whole factors, every pixel repeated."""
    rows, cols = _whole_factors(a)
    return np.repeat(np.repeat(a["x"], rows, axis=-2), cols, axis=-1)


def upsample_bilinear(a: Arguments) -> Anything:
    """The last two axes by whole factors; align_corners=False: sample i lies at max(0, (i + 1/2) / factor - 1/2)."""
    if bool(a.get("align_corners", True)):
        raise InputError("upsample_bilinear: align_corners is not understood; export again")
    rows, cols = _whole_factors(a)
    return _between(_between(a["x"], rows, -2), cols, -1)


def _between(x: Anything, factor: int, axis: int) -> Anything:
    size = x.shape[axis]
    places = np.clip((np.arange(size * factor) + 0.5) / factor - 0.5, 0, size - 1)
    low = np.floor(places).astype(np.intp)
    share = (places - low).astype(np.float32)
    shape = [1] * x.ndim
    shape[axis] = -1
    share = share.reshape(shape)
    near, far = np.take(x, low, axis), np.take(x, np.minimum(low + 1, size - 1), axis)
    return np.asarray(near * (1 - share) + far * share)


def _whole_factors(a: Arguments) -> tuple[int, int]:
    rows, cols = float(a.get("scale_factor_height", 1)), float(a.get("scale_factor_width", 1))
    if rows < 1 or cols < 1 or rows != int(rows) or cols != int(cols):
        raise InputError(f"upsample: factors {rows:g} and {cols:g} are not understood; export again")
    if a["x"].size * rows * cols > MAX_ELEMENTS:
        raise InputError(f"upsample: {rows:g} x {cols:g} times {a['x'].shape} is more than any tile; export again")
    return int(rows), int(cols)


TENSORS: dict[str, Operator] = {
    "batch_norm": (batch_norm, ("x", "mean", "variance"), ("gamma", "beta", "epsilon")),
    "concat": (concat, ("values", "axis"), ("interleave",)),
    "expand_dims": (expand_dims, ("x", "axes"), ()),
    "instance_norm": (instance_norm, ("x",), ("gamma", "beta", "epsilon")),
    "layer_norm": (layer_norm, ("x",), ("axes", "gamma", "beta", "epsilon")),
    "linear": (linear, ("x", "weight"), ("bias",)),
    "matmul": (matmul, ("x", "y"), ("transpose_x", "transpose_y")),
    "pad": (pad, ("x", "pad"), ("mode", "constant_val")),
    "pixel_shuffle": (pixel_shuffle, ("x", "upscale_factor"), ()),
    "reduce_l2_norm": (reduce(_l2), ("x",), ("axes", "keep_dims")),
    "reduce_max": (reduce(np.max), ("x",), ("axes", "keep_dims")),
    "reduce_mean": (reduce(np.mean), ("x",), ("axes", "keep_dims")),
    "reduce_min": (reduce(np.min), ("x",), ("axes", "keep_dims")),
    "reduce_sum": (reduce(np.sum), ("x",), ("axes", "keep_dims")),
    "reduce_sum_square": (reduce(lambda x, **how: np.sum(np.square(x), **how)), ("x",), ("axes", "keep_dims")),
    "reshape": (reshape, ("x", "shape"), ()),
    "reverse": (reverse, ("x",), ("axes",)),
    "slice_by_index": (
        slice_by_index, ("x", "begin", "end"), ("stride", "begin_mask", "end_mask", "squeeze_mask")
    ),
    "softmax": (softmax, ("x",), ("axis",)),
    "split": (split, ("x", "axis"), ("split_sizes", "num_splits")),
    "squeeze": (squeeze, ("x",), ("axes",)),
    "transpose": (transpose, ("x", "perm"), ()),
    "upsample_bilinear": (
        upsample_bilinear, ("x",), ("scale_factor_height", "scale_factor_width", "align_corners")
    ),
    "upsample_nearest_neighbor": (upsample_nearest, ("x",), ("scale_factor_height", "scale_factor_width")),
}  # fmt: skip
"""Kind -> (function, required parameters, optional parameters)."""
