"""The frames of a clip, in order, as R'G'B' with their exact times."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import numpy as np

from dlgsanet.errors import InputError
from dlgsanet.imaging.pixels import Pixels
from runtimes.upscale.video.colour import Array, Layout, to_rgb
from runtimes.upscale.video.library import library, open_source, reason
from runtimes.upscale.video.probe import Clip

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream


@dataclass(frozen=True)
class Part:
    """What of a clip is wanted: from `start` seconds after its beginning, for `length` seconds (None: to the end)."""

    start: Fraction = Fraction(0)
    length: Fraction | None = None

    @property
    def whole(self) -> bool:
        return self.start == 0 and self.length is None

    def bounds(self, clip: Clip) -> tuple[Fraction, Fraction | None]:
        """First time that is wanted and the first that no longer is, as the file counts its seconds."""
        begin = clip.begin + self.start
        return begin, None if self.length is None else begin + self.length

    def shift(self, clip: Clip, time_base: Fraction) -> int:
        """Ticks by which times come earlier: none, unless the beginning is left out."""
        return 0 if self.start == 0 else int((clip.begin + self.start) / time_base)


@dataclass(frozen=True)
class Frame:
    """One picture: 1 x 3 x H x W float32 in [0, 1]; times in ticks of the clip's time base, from the part's start."""

    index: int
    pts: int
    duration: int
    rgb: Array


def read_frames(
    clip: Clip, part: Part, first: int, lenient: bool, note: Callable[[str], None]
) -> Generator[Frame, None, None]:
    """Frames of the part from number `first` on. All before are decoded, too: so every frame has the same bits,
    wherever a run goes on.

    What is damaged raises InputError that says where, or is noted if `lenient`: lost frames are left out then, and
    those that the decoder mended are kept.
    """
    with open_source(clip.path, clip.demuxer) as source:
        stream = cast("VideoStream", source.streams[clip.stream])
        reader = _Reader(clip, part, lenient, note)
        for index, frame in enumerate(reader.frames(source, stream)):
            if index >= first:
                pts = frame.pts - part.shift(clip, clip.time_base)  # type: ignore[operator]
                yield Frame(
                    index, pts, frame.duration or 0, to_rgb(planes(frame, clip.layout), clip.layout, clip.colour)
                )


def planes(frame: VideoFrame, layout: Layout) -> tuple[Pixels, Pixels, Pixels]:
    """Y', Cb, Cr as they lie in the frame's memory; packed forms are repacked, which changes no sample."""
    if frame.format.name != layout.name and not frame.format.name.startswith("yuvj"):
        frame = frame.reformat(format=layout.name)
    small = layout.chroma(frame.height, frame.width)
    luma, cb, cr = (
        _plane(frame, place, layout, shape) for place, shape in enumerate(((frame.height, frame.width), small, small))
    )
    return luma, cb, cr


def _plane(frame: VideoFrame, place: int, layout: Layout, shape: tuple[int, int]) -> Pixels:
    plane = frame.planes[place]
    samples: Pixels = np.frombuffer(plane, layout.dtype)  # type: ignore[call-overload]
    stride = plane.line_size // layout.dtype.itemsize
    return samples[: shape[0] * stride].reshape(shape[0], stride)[:, : shape[1]]


class _Reader:
    """Decoding with every check; counts what it met."""

    def __init__(self, clip: Clip, part: Part, lenient: bool, note: Callable[[str], None]) -> None:
        self._clip, self._part, self._lenient, self._note = clip, part, lenient, note
        self._met = 0
        self._last: int | None = None

    def frames(self, source: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        begin, end = self._part.bounds(self._clip)
        stream.codec_context.thread_count = 1
        if not self._lenient:
            stream.codec_context.options = {**stream.codec_context.options, "err_detect": "explode"}
        if self._part.start > 0:
            source.seek(int(begin / self._clip.time_base), stream=stream)
        packets = 0
        for packet in source.demux(stream):
            packets += packet.size > 0
            for frame in self._decoded(packet):
                time = frame.pts * self._clip.time_base if frame.pts is not None else begin
                if end is not None and time >= end:
                    return
                self._met += 1
                if time >= begin and self._sound(frame):
                    self._last = frame.pts
                    yield frame
        if self._part.whole and packets < self._clip.frames:
            self._damage(f"the file ends after {packets} of {self._clip.frames} frames")

    def _decoded(self, packet: Packet[VideoStream]) -> list[VideoFrame]:
        av = library()
        try:
            return packet.decode()
        except av.error.EOFError:
            return []
        except av.error.FFmpegError as error:
            self._damage(reason(error))
            return []

    def _sound(self, frame: VideoFrame) -> bool:
        """Whether the frame can be taken; damage is reported."""
        clip = self._clip
        found = (frame.height, frame.width, frame.format.name)
        if found[:2] != (clip.height, clip.width):
            self._change(f"the size changes from {clip.width}x{clip.height} to {found[1]}x{found[0]}")
        if frame.interlaced_frame:
            self._change("the pictures become interlaced")
        if frame.pts is None or (self._last is not None and frame.pts <= self._last):
            self._damage("its time is missing, or not after the frame's before it")
            return False
        if frame.is_corrupt:
            self._damage("the picture is damaged")
        return True

    def _change(self, what: str) -> None:
        raise InputError(f"'{self._clip.path}', {self._place()}: {what}; cut the video there, with --start, --duration")

    def _damage(self, what: str) -> None:
        where = f"'{self._clip.path}', {self._place()}: {what}"
        if not self._lenient:
            raise InputError(f"{where}; give --skip-damaged to go on without what is lost")
        self._note(f"note: {where}")

    def _place(self) -> str:
        seconds = 0.0 if self._last is None else float(self._last * self._clip.time_base)
        return f"frame {self._met}, at about {seconds:.3f} s"
