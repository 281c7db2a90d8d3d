"""Whether a file is a video, and in which container, by its first bytes; needs no library.

The library is told this container and no other: left to guess, it also takes playlists, which name other files.
"""

from __future__ import annotations

from pathlib import Path

_LEAST_SYNC = 3  # packets of a transport stream that begin as they must
_STILL_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1")


def container_of(path: Path) -> str | None:
    """FFmpeg's name of the demuxer of a video file; None for what is no video, or cannot be read."""
    try:
        with path.open("rb") as stream:
            head = stream.read(1024)
    except OSError:
        return None
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return None if head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS else "mov"
    for name, begins in _BEGINNINGS.items():
        if any(head[place : place + len(mark)] == mark for place, mark in begins):
            return name
    return _transport(head)


def is_video(path: Path) -> bool:
    """Whether the content is a container of videos, whatever the file is called."""
    return path.is_file() and container_of(path) is not None


_BEGINNINGS: dict[str, tuple[tuple[int, bytes], ...]] = {
    "matroska": ((0, b"\x1a\x45\xdf\xa3"),),
    "avi": ((8, b"AVI "),),
    "flv": ((0, b"FLV\x01"),),
    "asf": ((0, bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")),),
    "mpeg": ((0, b"\x00\x00\x01\xba"),),
    "ogg": ((0, b"OggS"),),
    "ivf": ((0, b"DKIF"),),
    "yuv4mpegpipe": ((0, b"YUV4MPEG2 "),),
    "nut": ((0, b"nut/multimedia container\x00"),),
}


def _transport(head: bytes) -> str | None:
    for step, first in ((188, 0), (192, 4)):  # the second is that of cameras and discs
        places = range(first, first + step * _LEAST_SYNC, step)
        if len(head) > places[-1] and all(head[place] == 0x47 for place in places):
            return "mpegts"
    return None
