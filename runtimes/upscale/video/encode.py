"""Upscaled frames to coded packets, one encoder for each segment."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from runtimes.machine.stage_clock import StageClock
from runtimes.upscale.video.codecs import Coding
from runtimes.upscale.video.colour import Planes
from runtimes.upscale.video.library import library, refused
from runtimes.upscale.video.segments import CodedFrame

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream


@dataclass(frozen=True)
class LargeFrame:
    """An upscaled picture as it is coded, and its times in ticks of the clip."""

    index: int
    pts: int
    duration: int
    planes: Planes


class SegmentPlace(Protocol):
    """Where finished segments go: a `Workplace`, or what hands them on."""

    def write(self, number: int, packets: Sequence[CodedFrame]) -> None:
        """Keep a segment, whole or not at all."""


def write_segments(frames: Iterator[LargeFrame], coding: Coding, place: SegmentPlace, clock: StageClock) -> None:
    """Code frames into segments of `coding.key_every` frames each; one is written when it is complete.

    The last may be shorter: it is written when the frames end, never when they break off with an error.
    """
    current: _Encoder | None = None
    for frame in frames:
        if current is None:
            current = _Encoder(coding, frame.index // coding.key_every)
        with clock.stage("encode"):
            current.add(frame)
            if (frame.index + 1) % coding.key_every == 0:
                place.write(current.number, current.finish())
                current = None
    if current is not None:
        with clock.stage("encode"):
            place.write(current.number, current.finish())


@dataclass
class _Encoder:
    """An encoder that starts afresh, so that its packets depend on nothing but its own frames."""

    coding: Coding
    number: int
    _packets: list[CodedFrame] = field(default_factory=list)
    _durations: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with _encoding():
            self._container = library().open(io.BytesIO(), "w", format="matroska")  # holds the encoder, gets no packet
            self._stream: VideoStream = self.coding.add_to(self._container)

    def add(self, frame: LargeFrame) -> None:
        self._durations[frame.pts] = frame.duration
        image = self._image(frame.planes)
        image.pts, image.time_base = frame.pts, self.coding.time_base
        with _encoding():
            self._take(self._stream.encode(image))

    def finish(self) -> list[CodedFrame]:
        """The packets of the segment, in decoding order."""
        with _encoding():
            self._take(self._stream.encode(None))
        return self._packets

    def _take(self, packets: list[Packet[VideoStream]]) -> None:
        for packet in packets:
            assert packet.pts is not None
            duration = self._durations.pop(packet.pts)
            self._packets.append(CodedFrame(packet.pts, duration, packet.is_keyframe, bytes(packet)))

    def _image(self, planes: Planes) -> VideoFrame:
        coding = self.coding
        image: VideoFrame = library().VideoFrame(coding.width, coding.height, coding.layout.name)
        for plane, samples in zip(image.planes, planes, strict=True):
            rows, columns = samples.shape
            stride = plane.line_size // samples.itemsize
            place = np.frombuffer(plane, samples.dtype)  # type: ignore[call-overload]
            place[: rows * stride].reshape(rows, stride)[:, :columns] = samples
        image.colorspace, image.color_range = coding.colour.matrix, 2 if coding.colour.full else 1
        image.color_primaries, image.color_trc = coding.colour.primaries, coding.colour.transfer
        return image


def _encoding() -> AbstractContextManager[None]:
    return refused("the encoder refuses the pictures", "choose another --codec")
