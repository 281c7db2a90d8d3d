from __future__ import annotations

import struct

import pytest

from dlgsanet.errors import InputError
from runtimes.file_formats import protobuf
from runtimes.file_formats.onnx_file import read_facts

WHAT = "a file"


def test_a_number_of_fixed_width_is_no_message() -> None:
    """Else its bytes would be read as fields, and a graph would have nodes that no other reader sees."""
    data = b"\x08\x07" + protobuf.written(2, b"ab") + b"\x1d" + struct.pack("<f", 1.5) + b"\x21" + bytes(8)
    found = protobuf.message(memoryview(data), WHAT)
    assert found[1] == [7] and bytes(found[2][0]) == b"ab"
    assert isinstance(found[2][0], memoryview)
    assert found[3] == [struct.pack("<f", 1.5)] and found[4] == [bytes(8)]
    assert isinstance(found[3][0], bytes) and isinstance(found[4][0], bytes)


def test_a_node_of_fixed_width_is_not_counted() -> None:
    operator = protobuf.written(4, b"Add")
    node = protobuf.written(1, operator)
    fixed = bytes([1 << 3 | 1]) + (protobuf.written(4, b"Mul") + b"\x18\x00\x00")[:8]
    assert read_facts(protobuf.written(7, node + fixed)).operators == {"Add": 1}


@pytest.mark.parametrize("packed", [True, False])
def test_numbers_are_read_packed_or_one_by_one(packed: bool) -> None:
    data = protobuf.written(1, b"\x01\xac\x02") if packed else b"\x08\x01\x08\xac\x02"
    values = protobuf.message(memoryview(data), WHAT)[1]
    assert [number for value in values for number in protobuf.numbers(value, WHAT)] == [1, 300]


def test_a_cut_number_is_one_line() -> None:
    with pytest.raises(InputError, match="truncated"):
        list(protobuf.fields(memoryview(b"\x1d\x00\x00"), WHAT))
    with pytest.raises(InputError, match="wire type 3"):
        list(protobuf.fields(memoryview(b"\x0b"), WHAT))
