"""Types of tensors in a program, and how their values lie in bytes.

Numbers are those of Core ML's MIL.proto (published with coremltools).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import InputError

DTYPES = {
    1: "bool",
    2: "string",
    10: "fp16",
    11: "fp32",
    21: "int8",
    22: "int16",
    23: "int32",
    31: "uint8",
    32: "uint16",
    33: "uint32",
    35: "uint4",
    36: "uint2",
    37: "uint1",
    38: "uint6",
    39: "uint3",
}
BITS = {"uint1": 1, "uint2": 2, "uint3": 3, "uint4": 4, "uint6": 6}
"""Types whose values are stored side by side, from the lowest bit of the first byte on."""

NUMPY = {
    "bool": np.dtype(np.bool_),
    "fp16": np.dtype("<f2"),
    "fp32": np.dtype("<f4"),
    "int8": np.dtype("i1"),
    "int16": np.dtype("<i2"),
    "int32": np.dtype("<i4"),
    "uint8": np.dtype("u1"),
    "uint16": np.dtype("<u2"),
    "uint32": np.dtype("<u4"),
    **dict.fromkeys(BITS, np.dtype("u1")),
}
"""The arrays that hold values of a type."""

MAX_ELEMENTS = 1 << 28
"""Of one tensor: 1 GiB in fp32. A tile of ours has less; more would only fill the memory."""

Anything = NDArray[Any]


@dataclass(frozen=True)
class TensorType:
    """`dtype` as in DTYPES, `shape` with fixed sizes."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def stored_bytes(self) -> int:
        """What such a tensor takes in a file or in memory."""
        bits = BITS.get(self.dtype) or 8 * (NUMPY[self.dtype].itemsize if self.dtype in NUMPY else 0)
        return -(-bits * math.prod(self.shape) // 8)


def stored_values(data: bytes | memoryview, kind: TensorType) -> Anything:
    """The array that lies in bytes. Raises InputError when there are more or fewer than its type takes."""
    if kind.dtype not in NUMPY or len(data) != kind.stored_bytes:
        raise InputError(
            f"expected {kind.stored_bytes} bytes for a constant of {kind.dtype} of shape {list(kind.shape)}, found "
            f"{len(data)}; export again"
        )
    if kind.dtype not in BITS:
        return np.frombuffer(data, NUMPY[kind.dtype]).reshape(kind.shape)
    bits, count = BITS[kind.dtype], math.prod(kind.shape)
    flags = np.unpackbits(np.frombuffer(data, np.uint8), count=bits * count, bitorder="little")
    return np.packbits(flags.reshape(count, bits), axis=1, bitorder="little").reshape(kind.shape)
