"""TIFF files made tag by tag: depth, sign, layout and size from the tags; data that are not there."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

import numpy as np
import pytest

from dlgsanet.imaging.formats.refusal import NotReadError
from dlgsanet.imaging.formats.tiff import read_tiff
from dlgsanet.imaging.limits import TooLargeError

HIGH, WIDE = 6, 5
SIZES = {"H": 2, "I": 4, "Q": 8}


def tiff(
    parts: list[bytes], tags: Mapping[int, list[int]], order: str = "<", big: bool = False, tiled: bool = False
) -> bytes:
    """Strips (or tiles) behind the header, then the directory; `tags` replace what an 8-bit grey picture has."""
    head = 16 if big else 8
    places = [head + sum(map(len, parts[:i])) for i in range(len(parts))]
    every = {256: [WIDE], 257: [HIGH], 258: [8], 259: [1], 262: [1], 277: [1], 278: [HIGH]}
    every |= {324 if tiled else 273: places, 325 if tiled else 279: [len(part) for part in parts]}
    every |= tags
    body = b"".join(parts)
    at = head + len(body)
    count, entry, room = ("Q", 20, 8) if big else ("H", 12, 4)
    values_at = at + SIZES[count] + entry * len(every) + room
    entries, values = b"", b""
    for tag, numbers in sorted(every.items()):
        kind = "H" if max(numbers) < 65536 and tag < 273 else "I"
        packed = struct.pack(f"{order}{len(numbers)}{kind}", *numbers)
        if len(packed) > room:
            place = struct.pack(order + ("Q" if big else "I"), values_at + len(values))
            values += packed
            packed = place
        entries += struct.pack(order + ("HHQ" if big else "HHI"), tag, 3 if kind == "H" else 4, len(numbers))
        entries += packed.ljust(room, b"\0")
    mark = b"II" if order == "<" else b"MM"
    version = struct.pack(order + "HHHQ", 43, 8, 0, at) if big else struct.pack(order + "HI", 42, at)
    return mark + version + body + struct.pack(order + count, len(every)) + entries + bytes(room) + values


GREY = bytes(range(HIGH * WIDE))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_facts_of_both_kinds_and_orders(order: str, big: bool) -> None:
    found = read_tiff(tiff([GREY], {}, order, big))
    assert (found.width, found.height, found.bits, found.kind, found.compression) == (WIDE, HIGH, 8, "unsigned", 1)


@pytest.mark.parametrize(
    ("bits", "kind", "name"), [(16, 1, "unsigned"), (8, 2, "signed"), (32, 3, "float"), (64, 6, "complex")]
)
@pytest.mark.parametrize("planar", [1, 2])
def test_depth_and_sign_are_the_tags_own(bits: int, kind: int, name: str, planar: int) -> None:
    plane = HIGH * WIDE * bits // 8
    parts = [bytes(plane)] * 3 if planar == 2 else [bytes(3 * plane)]
    found = read_tiff(tiff(parts, {258: [bits] * 3, 277: [3], 262: [2], 284: [planar], 339: [kind] * 3}))
    assert (found.bits, found.kind) == (bits, name)


LAYOUTS: dict[str, tuple[list[int], Mapping[int, list[int]], bool]] = {
    "one strip": ([30], {}, False),
    "strips of four rows": ([20, 10], {278: [4]}, False),
    "planes in strips": ([20, 10] * 3, {278: [4], 277: [3], 258: [8] * 3, 262: [2], 284: [2]}, False),
    "tiles": ([256], {322: [16], 323: [16]}, True),
    "bits": ([6], {258: [1]}, False),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("compression", [1, 8, 32946])
def test_every_strip_and_tile_must_be_whole(layout: str, compression: int) -> None:
    lengths, tags, tiled = LAYOUTS[layout]
    noise = np.random.default_rng(0).integers(0, 256, 512, np.uint8).tobytes()
    parts = [noise[:length] if compression == 1 else zlib.compress(noise[:length]) for length in lengths]
    every = {259: [compression], **tags}
    read_tiff(tiff(parts, every, tiled=tiled))
    short = noise[: lengths[-1] - 1]
    broken = [
        [*parts[:-1], parts[-1][:-2]],
        [*parts[:-1], short if compression == 1 else zlib.compress(short)],
        [*parts[:-1], b""],
        parts[:-1],
    ]
    for damaged in broken:
        with pytest.raises(ValueError, match=r".+"):
            read_tiff(tiff(damaged, every, tiled=tiled))
    with pytest.raises((ValueError, struct.error)):
        read_tiff(tiff(parts, every, tiled=tiled)[: 8 + len(parts[0]) // 2])


def test_a_deflated_strip_is_not_unpacked_beyond_its_rows() -> None:
    with pytest.raises(ValueError, match="not as long as its rows"):
        read_tiff(tiff([zlib.compress(bytes(50_000_000))], {259: [8]}))


@pytest.mark.parametrize(
    ("tags", "error", "words"),
    [
        ({257: [3_276_823], 278: [1]}, ValueError, "announces 3276823 strips"),
        ({256: [1], 257: [60_000_000], 278: [1]}, ValueError, "announces 60000000 strips"),
        ({257: [32_768_230]}, TooLargeError, "5x32768230"),
        ({256: [0]}, ValueError, "0x6"),
        ({322: [100_000], 323: [100_000]}, TooLargeError, "100000x100000"),
        ({258: [8, 16, 8], 277: [3]}, NotReadError, "one kind"),
        ({277: [65_535]}, NotReadError, "1 to 4 samples"),
        ({259: [6]}, NotReadError, "compression 6"),
        ({262: [6]}, NotReadError, "YCbCr"),
        ({266: [2]}, NotReadError, "reverse order"),
        ({273: [10**9]}, ValueError, "beyond the file's end"),
        ({278: [0]}, ValueError, "no rows"),
    ],
)
def test_what_lies_or_is_not_read(tags: Mapping[int, list[int]], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        read_tiff(tiff([GREY], tags))


def test_what_may_be_its_negative_is_not_read() -> None:
    """Tag 262 has no default; 8 bits came out inverted where 16 did not."""
    named = tiff([GREY], {})
    other = struct.pack("<H", 263)  # another tag in its place
    with pytest.raises(NotReadError, match="whether 0 is black or white"):
        read_tiff(named.replace(struct.pack("<HH", 262, 3), other + struct.pack("<H", 3)))
