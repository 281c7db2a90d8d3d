"""Operators that decompress weights, by the MIL operator reference of iOS 16 and, in their later forms, of iOS 18."""

from __future__ import annotations

import numpy as np

from dlgsanet.errors import InputError
from runtimes.backends.coreml.mil.operators_elementwise import Arguments, Operator, per_axis
from runtimes.backends.coreml.mil.tensor_types import Anything

_PALETTES = {2: 1, 4: 2, 16: 4, 64: 6, 256: 8}  # values in the table -> bits of an index


def affine_dequantize(a: Arguments) -> Anything:
    """scale (quantized_data - zero_point), scale and zero_point scalars or along axis."""
    data = {"input": a["quantized_data"], "axis": a["axis"]}
    centred = a["quantized_data"].astype(np.float32) - per_axis(a["zero_point"], data)
    return np.asarray(centred * per_axis(a["scale"], data))


def blockwise_shift_scale(a: Arguments) -> Anything:
    """scale (data - offset) (iOS 18); an element of scale and offset serves a block of data as large as they divide
    each axis."""
    data, scale = a["data"].astype(np.float32), a["scale"]
    offset = _spread(a["offset"].astype(np.float32), data.shape) if "offset" in a else np.float32(0)
    return np.asarray(_spread(scale, data.shape) * (data - offset))


def _spread(blocks: Anything, shape: tuple[int, ...]) -> Anything:
    """Every element repeated along each axis until the array has this shape."""
    if len(blocks.shape) != len(shape) or any(size % part for size, part in zip(shape, blocks.shape, strict=True)):
        raise InputError(f"blocks of shape {list(blocks.shape)} do not divide {list(shape)}; export again")
    for axis, size in enumerate(shape):
        blocks = np.repeat(blocks, size // blocks.shape[axis], axis)
    return blocks


def lut_to_dense(a: Arguments) -> Anything:
    """A table's value for each index, in either of the operator's forms: with a shape (iOS 16), or without (iOS 18)."""
    return _packed_lut(a) if "shape" in a else _blockwise_lut(a)


def _blockwise_lut(a: Arguments) -> Anything:
    """lut (K axes that divide the indices' K into blocks, values, vector): every index becomes the vector of that
    place in its block's table, along vector_axis."""
    indices, lut = a["indices"], a["lut"]
    if lut.ndim != indices.ndim + 2 or indices.max(initial=0) >= lut.shape[-2]:
        raise InputError(
            f"constexpr_lut_to_dense: tables of shape {list(lut.shape)} do not fit indices of shape "
            f"{list(indices.shape)} up to {indices.max(initial=0)}; export again"
        )
    tables = np.arange(int(np.prod(lut.shape[:-2]))).reshape(lut.shape[:-2])
    dense = lut.reshape(-1, *lut.shape[-2:])[_spread(tables, indices.shape), indices]
    if lut.shape[-1] == 1:
        return dense[..., 0]
    axis = int(a["vector_axis"]) % indices.ndim
    shape = [size * (lut.shape[-1] if i == axis else 1) for i, size in enumerate(indices.shape)]
    return np.moveaxis(dense, -1, axis + 1).reshape(shape)


def _packed_lut(a: Arguments) -> Anything:
    """lut[index] for each element of shape; indices of 1, 2, 4, 6 or 8 bits, packed from the lowest bit up."""
    lut, shape = a["lut"], [int(size) for size in a["shape"]]
    bits = _PALETTES.get(lut.size)
    count = int(np.prod(shape))
    if bits is None or a["indices"].size != -(-bits * count // 8):
        raise InputError(f"constexpr_lut_to_dense: {a['indices'].size} bytes and {lut.size} values do not fit {shape}")
    if bits == 8:
        return lut[a["indices"]].reshape(shape)
    flags = np.unpackbits(a["indices"], bitorder="little")[: bits * count].reshape(count, bits)
    return lut[flags @ (1 << np.arange(bits))].reshape(shape)


def sparse_to_dense(a: Arguments) -> Anything:
    """Zeros, with nonzero_data where the mask (packed from the lowest bit up) is set."""
    shape = [int(size) for size in a["shape"]]
    mask = np.unpackbits(a["mask"], bitorder="little")[: int(np.prod(shape))].astype(bool)
    if mask.sum() != a["nonzero_data"].size or mask.size != np.prod(shape):
        raise InputError(f"constexpr_sparse_to_dense: the mask does not fit {shape} and its values; export again")
    dense = np.zeros(mask.size, a["nonzero_data"].dtype)
    dense[mask] = a["nonzero_data"]
    return dense.reshape(shape)


COMPRESSED: dict[str, Operator] = {
    "constexpr_affine_dequantize": (affine_dequantize, ("quantized_data", "zero_point", "scale", "axis"), ()),
    "constexpr_blockwise_shift_scale": (blockwise_shift_scale, ("data", "scale"), ("offset",)),
    "constexpr_cast": (lambda a: a["source_val"], ("source_val", "output_dtype"), ()),
    "constexpr_lut_to_dense": (lut_to_dense, ("indices", "lut"), ("shape", "vector_axis")),
    "constexpr_sparse_to_dense": (sparse_to_dense, ("nonzero_data", "mask", "shape"), ()),
}
"""Kind -> (function, required parameters, optional parameters)."""
