"""Changes of bytes, drawn from a generator with a seed: blind ones, and ones that keep a format's checksums right."""

from __future__ import annotations

import json
import random
import struct
import zlib

HUGE = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
VALUES = (
    None,
    True,
    -1,
    0,
    1e400,
    2**63,
    10**400,
    1e-300,
    "",
    "\x1b[31m",
    "\ud800",
    "../../x",
    "a" * 70000,
    [],
    {},
    [[]],
)
WORDS = (
    b"nan",
    b"inf",
    b"-1",
    b"1e999",
    b"''",
    b"[]",
    b"{}",
    b"true",
    b"99999999999999999999",
    b"\x1b",
    b"\x00",
    b"\xff",
)
PNG = b"\x89PNG\r\n\x1a\n"


def mutated(draw: random.Random, data: bytes, other: bytes, suffix: str) -> bytes:
    """`data` after one to three changes; `other` is what pieces are taken from."""
    shape = _SHAPES.get(suffix)
    for _ in range(draw.choice((1, 1, 2, 3))):
        data = shape(draw, data) if shape and draw.random() < 0.6 else draw.choice(_BLIND)(draw, data, other)
    return data


def _flip(draw: random.Random, data: bytes, other: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(draw.choice((1, 1, 4, 32)) if out else 0):
        out[draw.randrange(len(out))] ^= 1 << draw.randrange(8)
    return bytes(out)


def _head_flip(draw: random.Random, data: bytes, other: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(draw.choice((1, 2)) if out else 0):
        out[draw.randrange(min(len(out), 256))] = draw.randrange(256)
    return bytes(out)


def _cut(draw: random.Random, data: bytes, other: bytes) -> bytes:
    return data[: draw.randrange(len(data) + 1)]


def _remove(draw: random.Random, data: bytes, other: bytes) -> bytes:
    at = draw.randrange(len(data) + 1)
    return data[:at] + data[at + draw.choice((1, 4, 64, 4096)) :]


def _twice(draw: random.Random, data: bytes, other: bytes) -> bytes:
    at = draw.randrange(len(data) + 1)
    piece = data[at : at + draw.choice((1, 4, 64, 1024))]
    return data[:at] + piece * draw.choice((2, 3, 40)) + data[at + len(piece) :]


def _splice(draw: random.Random, data: bytes, other: bytes) -> bytes:
    return data[: draw.randrange(len(data) + 1)] + other[draw.randrange(len(other) + 1) :]


def _number(draw: random.Random, data: bytes, other: bytes) -> bytes:
    width, code = draw.choice(((2, "H"), (4, "I"), (8, "Q")))
    if len(data) < width:
        return data
    at = draw.randrange(min(len(data) - width + 1, draw.choice((64, 512, 1 << 30))))
    value = draw.choice(HUGE) & ((1 << 8 * width) - 1)
    return data[:at] + struct.pack(draw.choice("<>") + code, value) + data[at + width :]


def _word(draw: random.Random, data: bytes, other: bytes) -> bytes:
    at = draw.randrange(len(data) + 1)
    return data[:at] + draw.choice(WORDS) + data[at + draw.choice((0, 1, 5)) :]


_BLIND = (_flip, _head_flip, _cut, _remove, _twice, _splice, _number, _word)


def _png(draw: random.Random, data: bytes) -> bytes:
    """Chunks changed, moved, doubled or left out, each with a right checksum."""
    chunks, at = [], len(PNG)
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    if not chunks:
        return data
    place = draw.randrange(len(chunks))
    name, body = chunks[place]
    act = draw.randrange(4)
    if act == 0:
        changed = zlib.compress(_flip(draw, _inflated(body), b"")) if name == b"IDAT" else _number(draw, body, b"")
        chunks[place] = (name, changed)
    elif act == 1:
        chunks.insert(draw.randrange(len(chunks) + 1), chunks[place])
    elif act == 2:
        del chunks[place]
    else:
        names = (b"iCCP", b"gAMA", b"cHRM", b"cICP", b"sRGB", b"eXIf", b"tRNS", b"PLTE", b"acTL", b"zTXt")
        chunks.insert(1, (draw.choice(names), draw.randbytes(draw.choice((0, 1, 4, 32)))))
    return PNG + b"".join(struct.pack(">I", len(b)) + n + b + struct.pack(">I", zlib.crc32(n + b)) for n, b in chunks)


def _inflated(body: bytes) -> bytes:
    try:
        return zlib.decompress(body)
    except zlib.error:
        return body


def _tiff(draw: random.Random, data: bytes) -> bytes:
    """One entry of the first directory gets another tag, type, count or value."""
    order = "<" if data[:2] == b"II" else ">"
    if len(data) < 16:
        return data
    start = struct.unpack_from(order + "I", data, 4)[0]
    if start + 2 > len(data):
        return data
    entries = struct.unpack_from(order + "H", data, start)[0]
    at = start + 2 + 12 * draw.randrange(max(entries, 1))
    if at + 12 > len(data):
        return data
    place, code = draw.choice(((0, "H"), (2, "H"), (4, "I"), (8, "I"), (8, "H")))
    value = draw.choice((*HUGE[:9], draw.randrange(70), 254 + draw.randrange(80)))
    out = bytearray(data)
    struct.pack_into(order + code, out, at + place, value & (0xFFFF if code == "H" else 0xFFFFFFFF))
    return bytes(out)


def _json(draw: random.Random, data: bytes) -> bytes:
    """One value somewhere is left out, doubled or replaced by one of another kind."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return data
    spots: list[tuple[object, object]] = []
    stack = [tree]
    while stack:
        here = stack.pop()
        keys = list(here) if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ()
        spots += [(here, key) for key in keys]
        stack += [here[key] for key in keys]
    if spots:
        here, key = draw.choice(spots)
        act = draw.randrange(4)
        if act == 0:
            del here[key]  # type: ignore[attr-defined]
        elif act == 1 and isinstance(here, dict):
            here[draw.choice(("x" * 5000, "\x1b[2J", "schema", str(key) + "s"))] = here[key]
        else:
            here[key] = draw.choice(VALUES)  # type: ignore[index]
    return json.dumps(tree).encode()


def _safetensors(draw: random.Random, data: bytes) -> bytes:
    """The header changed as JSON, with its length set right."""
    size = int.from_bytes(data[:8], "little")
    header = _json(draw, data[8 : 8 + size])
    return struct.pack("<Q", len(header)) + header + data[8 + size :]


_SHAPES = {
    ".png": _png,
    ".tif": _tiff,
    ".json": _json,
    ".safetensors": _safetensors,
}
