"""Weight files: values narrower than a byte, and descriptions that do not fit what the program says."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from dlgsanet.errors import InputError
from runtimes.backends.coreml.mil.program import Blob
from runtimes.backends.coreml.mil.tensor_types import TensorType, stored_values
from runtimes.backends.coreml.mil.weight_blobs import read_blob

TYPES = {"uint1": (9, 1), "uint2": (10, 2), "uint3": (12, 3), "uint4": (11, 4), "uint6": (13, 6), "uint8": (3, 8)}
"""Type -> its number in weight files and its bits, as coremltools' writer has them."""


def weight_file(values: list[int], dtype: str, size: int | None = None) -> bytes:
    """One blob behind the header: values from the lowest bit of the first byte on."""
    number, bits = TYPES[dtype]
    stream = sum(value << (bits * place) for place, value in enumerate(values))
    data = stream.to_bytes(-(-bits * len(values) // 8), "little")
    described = struct.pack(
        "<IIQQQ", 0xDEADBEEF, number, len(data) if size is None else size, 128, -bits * len(values) % 8
    )
    return struct.pack("<II", 1, 2).ljust(64, b"\0") + described.ljust(64, b"\0") + data.ljust(64, b"\0")


@pytest.mark.parametrize("dtype", TYPES)
def test_values_of_any_width_are_read_one_to_an_element(dtype: str) -> None:
    values = np.random.default_rng(0).integers(0, 1 << TYPES[dtype][1], 21)
    found = read_blob(weight_file(values.tolist(), dtype), Blob("w", 64, TensorType(dtype, (3, 7))))
    assert found.dtype == np.uint8 and np.array_equal(found, values.reshape(3, 7))


def test_what_coremltools_wrote_is_read() -> None:
    """21 numbers from 0 on as uint6, the bytes as its writer left them."""
    data = bytes([64, 32, 12, 68, 97, 28, 72, 162, 44, 76, 227, 60, 80, 36, 77, 20])
    assert stored_values(data, TensorType("uint6", (21,))).tolist() == list(range(21))


def test_a_description_that_does_not_fit_is_refused() -> None:
    file = weight_file([1] * 21, "uint6")
    for kind in (TensorType("uint4", (21,)), TensorType("uint6", (22,)), TensorType("uint6", (19,))):
        with pytest.raises(InputError, match=r"expected \d+ bytes of uint\d, found 16 of uint6"):
            read_blob(file, Blob("w", 64, kind))
    with pytest.raises(InputError, match="expected 16 bytes of uint6, found 17"):
        read_blob(weight_file([1] * 21, "uint6", 17), Blob("w", 64, TensorType("uint6", (21,))))
    with pytest.raises(InputError, match=r"expected 16 bytes for a constant of uint6 of shape \[21\], found 15"):
        stored_values(bytes(15), TensorType("uint6", (21,)))
    with pytest.raises(InputError, match="for a constant of string"):
        stored_values(b"text", TensorType("string", ()))
