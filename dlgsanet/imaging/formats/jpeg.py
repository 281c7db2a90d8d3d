"""JPEG by its markers (ITU T.81): what the header says, and whether all scans are there to their end.

A scan that ends early is filled with grey by libjpeg, without a word to Pillow, and data beyond the announced size are
passed over. Both are found by decoding once more with other bytes: a whole scan never looks at those behind it, a cut
one does; and a whole scan needs its last bytes.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dlgsanet.imaging.formats.refusal import NotReadError
from dlgsanet.imaging.limits import require_pixels

SIGNATURE = b"\xff\xd8\xff"

_SOF_HUFFMAN = (0xC0, 0xC1, 0xC2)
_SOF_OTHER = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
_SOS, _EOI, _DRI, _DNL = 0xDA, 0xD9, 0xDD, 0xDC
_ALONE = (0x01, *range(0xD0, 0xD9))  # markers without a length
_MOST_SCANS = 100  # encoders write up to some twenty; each costs a pass over the whole picture
_MOST_SEGMENTS = 10_000  # a profile has up to 255
_MOST_FILL = 64 << 10  # bytes before the picture that belong to no segment; Pillow takes a microsecond for each
_MARKER = re.compile(rb"\xff([\x01-\xfe])")
_NOISE = b"\xa5\x5a\x96\x69" * 32
_SPOILT = 32  # bytes: encoders pad with fewer
_COEFFICIENTS = 64


@dataclass(frozen=True)
class Component:
    """A colour channel and its sampling factors."""

    name: int
    across: int
    down: int


@dataclass(frozen=True)
class Scan:
    """Entropy-coded data from `start` to `end`, restart markers at `restarts` of the numbers `turns`: `channels` of
    the frame, coefficients `first` to `last`, down to bit `low`."""

    start: int
    end: int
    restarts: tuple[int, ...]
    turns: tuple[int, ...]
    channels: tuple[int, ...]
    first: int
    last: int
    low: int


@dataclass(frozen=True)
class Jpeg:
    """What a JPEG file states; its scans are all there, and end with a marker."""

    width: int
    height: int
    components: tuple[Component, ...]
    scans: tuple[Scan, ...]


def read_jpeg(data: bytes) -> Jpeg:
    """The facts of a JPEG file. Raises ValueError for a missing part and TooLargeError, before decoding."""
    frame: Jpeg | None = None
    scans: list[Scan] = []
    interval = 0
    for marker, start, body in _segments(data):
        if marker in _SOF_OTHER or marker == _DNL:
            raise NotReadError("lossless, hierarchical or arithmetic coding is not read; convert it to PNG")
        if marker in _SOF_HUFFMAN:
            if frame is not None:
                raise ValueError("it has two frames")
            frame = _frame(body)
        elif marker == _DRI:
            (interval,) = struct.unpack(">H", body)
        elif marker == _SOS:
            if frame is None or len(scans) == _MOST_SCANS:
                raise ValueError(f"a scan without a frame, or more than {_MOST_SCANS} of them")
            scans.append(_scan(data, start, body))
            _require_enough(scans[-1], frame, interval)
    if frame is None or not scans:
        raise ValueError("it holds no picture")
    _require_every_bit(frame, scans)
    return Jpeg(frame.width, frame.height, frame.components, tuple(scans))


def require_whole_scans(data: bytes, jpeg: Jpeg, decoded: NDArray[np.uint8]) -> None:
    """Compare with the picture decoded with noise behind all entropy-coded data, which must change nothing, and with
    noise in place of its last bytes, which must. Raises ValueError."""
    behind, at = [], 0
    for scan in jpeg.scans:
        for end in (*scan.restarts, scan.end):
            behind += [data[at:end], _NOISE]
            at = end
    if not _gives(b"".join([*behind, data[at:]]), decoded):
        raise ValueError("a scan is cut before its end")
    # Restart markers are counted; and flat pictures may have tables that make nothing of noise, wherever it is.
    long = [scan for scan in jpeg.scans if not scan.restarts and scan.end - scan.start > 3 * _SPOILT]
    last, first = [scan.end - _SPOILT for scan in long], [scan.start for scan in long]
    unused = bool(long) and _gives(_spoilt(data, last), decoded)
    if unused and not _gives(_spoilt(data, first), decoded):
        raise ValueError("it holds more than its size announces")


def _spoilt(data: bytes, places: list[int]) -> bytes:
    """With noise over some bytes from each place on."""
    changed = bytearray(data)
    for place in places:
        changed[place : place + _SPOILT] = _NOISE[:_SPOILT]
    return bytes(changed)


def _gives(data: bytes, expected: NDArray[np.uint8]) -> bool:
    """Whether the file decodes to these pixels."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            return np.array_equal(np.asarray(image), expected)
    except OSError:  # noise behind a byte of 255 is a marker that no decoder knows
        return False


def _segments(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Marker, place behind its segment, and the segment's content, to the end of the picture."""
    at, segments, fill, coded = 2, 0, 0, False
    while True:
        found = _MARKER.search(data, at)
        if found is None:
            raise ValueError("the file ends before the picture")
        fill += 0 if coded else found.start() - at
        marker, at = found[1][0], found.end()
        if segments > _MOST_SEGMENTS or fill > _MOST_FILL:
            raise ValueError("it is made of more pieces than any picture needs")
        if marker == _EOI:
            return
        if marker in _ALONE:
            continue
        if at + 2 > len(data):
            raise ValueError("the file ends before the picture")
        (length,) = struct.unpack_from(">H", data, at)
        body = data[at + 2 : at + length]
        if length < 2 or len(body) != length - 2:
            raise ValueError("a segment is cut")
        at += length
        segments += 1
        coded = coded or marker == _SOS
        yield marker, at, body


def _frame(body: bytes) -> Jpeg:
    if len(body) < 6 or len(body) != 6 + 3 * body[5]:
        raise ValueError("the frame header is damaged")
    bits, height, width, count = struct.unpack_from(">BHHB", body)
    if bits != 8:
        raise NotReadError(f"expected 8 bits a sample, found {bits}; convert it to PNG")
    require_pixels(width, height)
    rows = [body[6 + 3 * i : 9 + 3 * i] for i in range(count)]
    components = tuple(Component(name, factors >> 4, factors & 15) for name, factors, _ in rows)
    if not components or any(not 1 <= factor <= 4 for it in components for factor in (it.across, it.down)):
        raise ValueError("the sampling factors are damaged")
    return Jpeg(width, height, components, ())


def _scan(data: bytes, start: int, body: bytes) -> Scan:
    """The scan whose header ends at `start`."""
    count = body[0] if body else 0
    if not 1 <= count <= 4 or len(body) != 4 + 2 * count:
        raise ValueError("a scan's header is damaged")
    restarts, turns = [], []
    for found in _MARKER.finditer(data, start):
        if 0xD0 <= found[1][0] <= 0xD7:
            restarts.append(_before_fill(data, found.start(), start))
            turns.append(found[1][0] - 0xD0)
            continue
        first, last, bits = body[-3:]
        names = tuple(body[1 + 2 * i] for i in range(count))
        end = _before_fill(data, found.start(), start)
        return Scan(start, end, tuple(restarts), tuple(turns), names, first, last, bits & 15)
    raise ValueError("the file ends before the picture")


def _before_fill(data: bytes, marker: int, start: int) -> int:
    """The place of a marker, or of the first of the bytes of 255 that fill up before it."""
    while marker > start and data[marker - 1] == 0xFF:
        marker -= 1
    return marker


def _require_enough(scan: Scan, frame: Jpeg, interval: int) -> None:
    """Restart markers are as many as the picture's size says, and in turn: a lost one is lost pixels. Each unit has at
    least a bit where its mean is coded: far too few are not worth decoding."""
    units = _units(scan, frame)
    expected = -(-units // interval) - 1 if interval else 0
    if list(scan.turns) != [i % 8 for i in range(expected)]:
        raise ValueError("restart markers are missing or out of turn")
    if scan.first == 0 and 8 * (scan.end - scan.start) < units:
        raise ValueError("a scan is cut before its end")


def _units(scan: Scan, frame: Jpeg) -> int:
    """Coded units (MCU) of a scan."""
    across, down = max(it.across for it in frame.components), max(it.down for it in frame.components)
    if len(scan.channels) > 1:
        return -(-frame.width // (8 * across)) * -(-frame.height // (8 * down))
    one = next((it for it in frame.components if it.name == scan.channels[0]), None)
    if one is None:
        raise ValueError("a scan is of an unknown channel")
    columns, rows = -(-frame.width * one.across // across), -(-frame.height * one.down // down)
    return -(-columns // 8) * -(-rows // 8)


def _require_every_bit(frame: Jpeg, scans: list[Scan]) -> None:
    """Every coefficient of every channel must come down to its last bit: a progressive file can lack later scans."""
    for component in frame.components:
        lowest = [99] * _COEFFICIENTS
        for scan in scans:
            if component.name in scan.channels:
                for index in range(scan.first, min(scan.last, _COEFFICIENTS - 1) + 1):
                    lowest[index] = min(lowest[index], scan.low)
        if any(lowest):
            raise ValueError("scans are missing")
