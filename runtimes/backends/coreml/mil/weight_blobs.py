"""The weight file of a package (`weights/weight.bin`): a header, then blobs that describe themselves.

Each blob is found by an offset from the program, which leads to 64 bytes of description: a sentinel, the type, the
size in bytes and where the data lie. All of it must agree with what the program says before a byte is used.
"""

from __future__ import annotations

import struct

from dlgsanet.errors import InputError
from runtimes.backends.coreml.mil.program import Blob
from runtimes.backends.coreml.mil.tensor_types import Anything, stored_values

SENTINEL = 0xDEADBEEF
VERSION = 2
HEADER = struct.Struct("<II")
DESCRIPTION = struct.Struct("<IIQQ")  # sentinel, type, size in bytes, offset of the data
TYPES = {
    1: "fp16",
    2: "fp32",
    3: "uint8",
    4: "int8",
    6: "int16",
    7: "uint16",
    9: "uint1",
    10: "uint2",
    11: "uint4",
    12: "uint3",
    13: "uint6",
    14: "int32",
    15: "uint32",
}


def read_blob(data: bytes, blob: Blob) -> Anything:
    """The constant, read-only. Raises InputError when the file does not hold what the program promises."""
    if len(data) < HEADER.size or HEADER.unpack_from(data)[1] != VERSION:
        raise InputError(f"'{blob.file}' is not a weight file of version {VERSION}; export the bundle again")
    if blob.offset + DESCRIPTION.size > len(data):
        raise InputError(f"'{blob.file}' ends before byte {blob.offset}, where a weight should be; export again")
    sentinel, kind, size, start = DESCRIPTION.unpack_from(data, blob.offset)
    expected = blob.type.stored_bytes
    if sentinel != SENTINEL or TYPES.get(kind) != blob.type.dtype or size != expected or start + size > len(data):
        raise InputError(
            f"'{blob.file}' at byte {blob.offset}: expected {expected} bytes of {blob.type.dtype}, found "
            f"{size} of {TYPES.get(kind, 'an unknown type')}; export the bundle again"
        )
    return stored_values(memoryview(data)[start : start + expected], blob.type)
