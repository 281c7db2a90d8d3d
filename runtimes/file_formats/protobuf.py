"""The wire format of protocol buffers (https://protobuf.dev/programming-guides/encoding/), without the package.

Devices need it to look into model files that they did not write; every length is checked before it is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dlgsanet.errors import InputError

Field = int | memoryview | bytes
"""A varint, what has a length (text, message, packed numbers), or the 4 or 8 bytes of a number of fixed width."""

Message = Mapping[int, list[Field]]


def fields(message: memoryview, what: str) -> Iterator[tuple[int, Field]]:
    """Yield (field number, value), the value by its wire type (Field): a number of fixed width is no message.

    `what` names the kind of file in the InputError for bytes that are no protocol buffer: `an ONNX file`.
    """
    position = 0
    while position < len(message):
        key, position = varint(message, position, what)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, position = varint(message, position, what)
            yield number, value
            continue
        if wire not in (1, 2, 5):
            raise InputError(f"expected {what}, found protocol-buffer wire type {wire}; export again")
        size = {1: 8, 5: 4}.get(wire, 0)
        if wire == 2:
            size, position = varint(message, position, what)
        if position + size > len(message):
            raise InputError(f"expected {what}, found a truncated one; export the bundle again")
        content = message[position : position + size]
        yield number, content if wire == 2 else bytes(content)
        position += size


def message(data: memoryview, what: str) -> Message:
    """A whole message: field number -> its values, in their order."""
    found: dict[int, list[Field]] = {}
    for number, value in fields(data, what):
        found.setdefault(number, []).append(value)
    return found


def numbers(value: Field, what: str) -> Iterator[int]:
    """The varints of one value of a repeated field: itself, or packed."""
    if isinstance(value, int):
        yield value
    elif isinstance(value, memoryview):
        position = 0
        while position < len(value):
            found, position = varint(value, position, what)
            yield found


def varint(data: memoryview, position: int, what: str) -> tuple[int, int]:
    """One number and the position behind it."""
    value = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise InputError(f"expected {what}, found a broken one; export the bundle again")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def written(number: int, content: bytes) -> bytes:
    """A field with a length (text, bytes or a message) as it is written."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
