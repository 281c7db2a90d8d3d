"""What is finished of a video: coded frames in files of their own, beside the target, until they are joined.

A segment's file appears whole or not at all, so the files that are there are the journal of the work; `journal.json`
only says what they were made of. Each holds packets as the encoder gave them (decoding order), then a footer.
"""

from __future__ import annotations

import hashlib
import shutil
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from dlgsanet.errors import InputError
from dlgsanet.storage import json_text, typed_json
from dlgsanet.storage.atomic import new_file, write_text

JOURNAL = "journal.json"
_MAGIC = b"dlgsegm1"
_HEAD = struct.Struct("<qqIB")  # pts, duration, bytes, whether it is a key frame
_FOOT = struct.Struct("<8sII32s")  # magic, frames, how far decoding runs ahead of showing, SHA-256 of what is before
_LIMIT = 1 << 20


@dataclass(frozen=True)
class CodedFrame:
    """One packet of an encoder: times in the output's time base."""

    pts: int
    duration: int
    key: bool
    data: bytes


@dataclass(frozen=True)
class CodedSegment:
    """A finished one, and where it lies."""

    path: Path
    frames: int
    ahead: int

    def times(self) -> list[tuple[int, int]]:
        """When its frames are shown and for how long, in the order of showing; reads no pictures."""
        times = []
        with self.path.open("rb") as stream:
            for _ in range(self.frames):
                pts, duration, size, _ = _HEAD.unpack(stream.read(_HEAD.size))
                times.append((pts, duration))
                stream.seek(size, 1)
        return sorted(times)

    def packets(self) -> Iterator[CodedFrame]:
        """Its frames in decoding order. Raises InputError at the end where the file is not as it was written."""
        digest = hashlib.sha256()
        with self.path.open("rb") as stream:
            for _ in range(self.frames):
                head = stream.read(_HEAD.size)
                pts, duration, size, key = _HEAD.unpack(head)
                data = stream.read(size)
                digest.update(head)
                digest.update(data)
                yield CodedFrame(pts, duration, bool(key), data)
            if stream.read(_FOOT.size) != _FOOT.pack(_MAGIC, self.frames, self.ahead, digest.digest()):
                raise InputError(f"{self.path} is damaged; delete it, and the same command makes it anew")


@dataclass(frozen=True)
class MadeOf:
    """What a folder of segments was made of: only the same again may go on with it."""

    source: str
    artifact: str
    runs_on: str
    options: str


@dataclass(frozen=True)
class Workplace:
    """The folder of one target's segments."""

    folder: Path

    def begin(self, made_of: MadeOf, force: bool) -> int:
        """Make the folder or take up what is in it; returns how many segments are finished.

        Raises InputError where it holds another run's work, unless `force`: then that is thrown away.
        """
        journal = self.folder / JOURNAL
        if journal.is_file():
            found = typed_json.decode(MadeOf, self._read(journal), JOURNAL, self._advice())
            if found == made_of:
                return self._finished()
            if not force:
                raise InputError(f"{self.folder} holds a run of {_difference(found, made_of)}; {self._advice()}")
            self.remove()
        elif self.folder.exists() and any(self.folder.iterdir()):
            raise InputError(f"{self.folder} holds no {JOURNAL}, so it is not ours to fill; move it away")
        write_text(journal, typed_json.encode(made_of))
        return 0

    def _read(self, journal: Path) -> json_text.Json:
        return json_text.read(journal, _LIMIT, "a journal", self._advice())

    def _advice(self) -> str:
        return "give the command that began it to go on, or --force to throw it away"

    def path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.segment"

    def _finished(self) -> int:
        number = 0
        while self.path(number).is_file():
            number += 1
        return number

    def write(self, number: int, packets: Sequence[CodedFrame]) -> None:
        """Finish a segment."""
        digest = hashlib.sha256()
        with new_file(self.path(number)) as temporary, temporary.open("wb") as stream:
            for packet in packets:
                for piece in (_HEAD.pack(packet.pts, packet.duration, len(packet.data), packet.key), packet.data):
                    digest.update(piece)
                    stream.write(piece)
            stream.write(_FOOT.pack(_MAGIC, len(packets), runs_ahead([p.pts for p in packets]), digest.digest()))

    def segments(self) -> list[CodedSegment]:
        """Those that are finished, in order. Raises InputError for a file that none of ours is."""
        return [self._segment(self.path(number)) for number in range(self._finished())]

    def _segment(self, path: Path) -> CodedSegment:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(size - _FOOT.size, 0))
            foot = stream.read(_FOOT.size)
        if len(foot) < _FOOT.size or not foot.startswith(_MAGIC):
            raise InputError(f"{path} is damaged; delete it, and the same command makes it anew")
        _, frames, ahead, _ = _FOOT.unpack(foot)
        return CodedSegment(path, frames, ahead)

    def remove(self) -> None:
        """Remove what this room wrote, and the folder if nothing else is in it."""
        for path in (*self.folder.glob("*.segment"), *self.folder.glob(".tmp-*"), self.folder / JOURNAL):
            path.unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            shutil.rmtree(self.folder, ignore_errors=True)


def runs_ahead(times: Sequence[int]) -> int:
    """How many frames, at most, were decoded before one that is shown earlier: the delay that decoding needs."""
    rank = {time: place for place, time in enumerate(sorted(times))}
    return max((place - rank[time] for place, time in enumerate(times)), default=0)


def decoding_times(segments: Sequence[CodedSegment]) -> Iterator[int]:
    """When each packet is decoded: the times of showing, as many frames late as the widest reordering needs.

    They rise strictly, across segments too, and none lies after the time at which its frame is shown. The first lie
    as close together as any two frames: then decoding as a whole takes no longer than showing.
    """
    late = max((segment.ahead for segment in segments), default=0)
    times = [pts for segment in segments for pts, _ in segment.times()]
    step = min((after - before for before, after in pairwise(times)), default=1)
    yield from (times[0] - step * (late - place) for place in range(late))
    yield from times


def timed_packets(segments: Sequence[CodedSegment]) -> Iterator[tuple[int, CodedFrame]]:
    """Every packet with the time at which it is decoded. Raises InputError for a damaged segment."""
    return zip(decoding_times(segments), (packet for segment in segments for packet in segment.packets()), strict=False)


def spanning(
    packets: Iterator[tuple[int, CodedFrame]], segments: Sequence[CodedSegment]
) -> Iterator[tuple[int, CodedFrame]]:
    """The same, the last packet so long that decoding takes as long as showing: .mp4 and .mov keep nothing else of
    how long the last frame is shown."""
    total = sum(segment.frames for segment in segments)
    first, _ = segments[0].times()[0]
    last, length = segments[-1].times()[-1]
    begin = 0
    for place, (decoded, packet) in enumerate(packets):
        begin = decoded if place == 0 else begin
        if place == total - 1:
            packet = replace(packet, duration=max(1, last + length - first - (decoded - begin)))
        yield decoded, packet


def _difference(found: MadeOf, asked: MadeOf) -> str:
    if found.source != asked.source:
        return "another video"
    if found.artifact != asked.artifact:
        return f"{found.artifact}, not {asked.artifact}"
    if found.runs_on != asked.runs_on:
        return f"other versions or another device ({found.runs_on}, not {asked.runs_on})"
    return "other options"
