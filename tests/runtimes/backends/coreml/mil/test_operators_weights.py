"""Operators that decompress weights against their documented definition: expected values by hand and by loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dlgsanet.errors import InputError
from runtimes.backends.coreml.mil.operators_weights import COMPRESSED

RNG = np.random.default_rng(5)


def call(kind: str, **arguments) -> np.ndarray:
    return COMPRESSED[kind][0](arguments)


def test_compressed_constants() -> None:
    quantized = np.int8([[2, -3], [4, 127]])
    dense = call(
        "constexpr_affine_dequantize",
        quantized_data=quantized,
        zero_point=np.int8([1, 0]),
        scale=np.float32([0.5, 2]),
        axis=np.int32(0),
    )
    assert dense.tolist() == [[0.5, -2.0], [8.0, 254.0]]
    # 5 indices of 2 bits from the lowest bits up: 0, 3, 2, 1 | 3
    table = np.float32([10, 11, 12, 13])
    found = call("constexpr_lut_to_dense", indices=np.uint8([0b01101100, 3]), lut=table, shape=np.uint32([5]))
    assert found.tolist() == [10, 13, 12, 11, 13]
    # 3 indices of 6 bits: 1, 2, 63 -> 000001, 000010, 111111 across bytes
    packed = np.uint8([0b10000001, 0b11110000, 0b11])
    wide = call("constexpr_lut_to_dense", indices=packed, lut=np.arange(64, dtype=np.float32), shape=np.uint32([3]))
    assert wide.tolist() == [1, 2, 63]
    sparse = call(
        "constexpr_sparse_to_dense", nonzero_data=np.float32([7, 8]), mask=np.uint8([0b10010]), shape=np.uint32([5])
    )
    assert sparse.tolist() == [0, 7, 0, 0, 8]
    assert call("constexpr_cast", source_val=table, output_dtype="fp32") is table
    with pytest.raises(InputError, match="do not fit"):
        call("constexpr_lut_to_dense", indices=np.uint8([1]), lut=table, shape=np.uint32([5]))
    with pytest.raises(InputError, match="does not fit"):
        call("constexpr_sparse_to_dense", nonzero_data=table, mask=np.uint8([1]), shape=np.uint32([5]))


def test_quantized_constants_of_ios_18_have_a_scale_for_each_block() -> None:
    """scale[i0, j0] * (data[i, j] - offset[i0, j0]), i0 = i // (rows / rows of scale), and so for j."""
    data = RNG.integers(-128, 128, (4, 6)).astype(np.int8)
    scale = RNG.random((2, 3)).astype(np.float32)
    offset = np.int8([[1, -128, 0], [127, 5, -6]])
    plain = call("constexpr_blockwise_shift_scale", data=data, scale=scale)
    moved = call("constexpr_blockwise_shift_scale", data=data, scale=scale, offset=offset)
    for i, j in itertools.product(range(4), range(6)):
        block = (i // 2, j // 2)
        assert plain[i, j] == pytest.approx(float(scale[block]) * int(data[i, j]), rel=1e-6)
        assert moved[i, j] == pytest.approx(float(scale[block]) * (int(data[i, j]) - int(offset[block])), rel=1e-6)
    for wrong in ((2, 4), (6,), (2, 3, 1)):
        with pytest.raises(InputError, match=r"do not divide \[4, 6\]"):
            call("constexpr_blockwise_shift_scale", data=data, scale=np.ones(wrong, np.float32))


def test_tables_of_ios_18_have_groups_and_vectors() -> None:
    """The two examples of coremltools' reference of the operator."""
    indices = np.uint8([[2, 3], [3, 0], [1, 0], [3, 0], [2, 1], [0, 3]])
    tables = np.float32([1, 5, 9, 13, 2, 10, 18, 26]).reshape(2, 1, 4, 1)  # one for each half of the rows
    found = call("constexpr_lut_to_dense", indices=indices, lut=tables)
    assert found.tolist() == [[9, 13], [13, 1], [5, 1], [26, 2], [18, 10], [2, 26]]
    indices = np.uint8([[[0, 0], [1, 0]], [[1, 1], [0, 0]]])
    vectors = np.float32([[10, 11, 12], [20, 21, 22]]).reshape(1, 1, 1, 2, 3)
    a0, a1, a2, b0, b1, b2 = vectors.ravel().tolist()
    rows = call("constexpr_lut_to_dense", indices=indices, lut=vectors, vector_axis=np.int32(1))
    assert rows.tolist() == [
        [[a0, a0], [a1, a1], [a2, a2], [b0, a0], [b1, a1], [b2, a2]],
        [[b0, b0], [b1, b1], [b2, b2], [a0, a0], [a1, a1], [a2, a2]],
    ]
    columns = call("constexpr_lut_to_dense", indices=indices, lut=vectors, vector_axis=np.int32(-1))
    assert columns.tolist() == [
        [[a0, a1, a2, a0, a1, a2], [b0, b1, b2, a0, a1, a2]],
        [[b0, b1, b2, b0, b1, b2], [a0, a1, a2, a0, a1, a2]],
    ]
    with pytest.raises(InputError, match=r"do not fit indices .* up to 2"):
        call("constexpr_lut_to_dense", indices=np.uint8([[[2]]]), lut=vectors, vector_axis=np.int32(0))
    with pytest.raises(InputError, match="do not fit indices"):
        call("constexpr_lut_to_dense", indices=np.uint8([1]), lut=vectors)
