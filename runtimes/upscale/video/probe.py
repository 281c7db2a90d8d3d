"""What is in a video file, as far as this room must know it; what cannot be upscaled is refused here."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

from dlgsanet.errors import InputError
from dlgsanet.imaging.limits import bound_text, require_pixels
from runtimes.upscale.video import colour
from runtimes.upscale.video.library import library, open_source, refused
from runtimes.upscale.video.sniff import container_of

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.sidedata.sidedata import SideData
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MOST_STREAMS = 64
MOST_ATTACHED = 64 << 20
FIRST_PACKETS = 500
"""Within so many packets of the video its first picture must come."""

USUAL_RATE = Fraction(25)
"""Where a file does not tell how many frames a second has; only the encoder's budget depends on it."""


@dataclass(frozen=True)
class Clip:
    """A video file's pictures, and which of its streams go along.

    Times are in `time_base` (seconds). `begin`: of the first picture. `frames`: how many the container counts, 0 where
    it does not. `matrix`: how a player turns the picture, FFmpeg's nine numbers. `copied`, `left_out`: other streams.
    """

    path: Path
    demuxer: str
    stream: int
    height: int
    width: int
    layout: colour.Layout
    colour: colour.Colour
    time_base: Fraction
    begin: Fraction
    rate: Fraction
    seconds: Fraction | None
    frames: int
    aspect: Fraction | None
    matrix: tuple[int, ...] | None
    copied: tuple[int, ...]
    left_out: tuple[str, ...]

    def about(self, start: Fraction, length: Fraction | None) -> int | None:
        """About how many frames lie between two times; None where the file does not tell."""
        whole = self.seconds if self.seconds is not None else Fraction(self.frames) / self.rate
        if whole <= 0:
            return None
        part = max(min(whole - start, whole if length is None else length), Fraction(0))
        if self.frames:
            return max(1, round(self.frames * part / whole))
        return max(1, round(part * self.rate))


def probe(path: Path) -> Clip:
    """Look into a video. Raises InputError for what this room cannot upscale, UnavailableError without PyAV."""
    demuxer = container_of(path)
    if demuxer is None:
        raise InputError(f"expected a video, found none in '{path}'")
    library()
    with open_source(path, demuxer) as source:
        if len(source.streams) > MOST_STREAMS:
            raise InputError(f"expected at most {MOST_STREAMS} streams, found {len(source.streams)} in '{path}'")
        stream = _picture_stream(source, path)
        copied, left_out = _others(source, stream)
        frame = _first_frame(source, stream, path)
        return _clip(path, demuxer, source, stream, frame, copied, left_out)


def _picture_stream(source: InputContainer, path: Path) -> VideoStream:
    found = [stream for stream in source.streams.video if not is_cover(stream)]
    if not found:
        raise InputError(f"expected a video, found no moving pictures in '{path}'")
    if found[0].codec_context is None or found[0].time_base is None:
        raise InputError(f"the pictures of '{path}' are in a codec that PyAV does not know; convert the video first")
    context = found[0].codec_context
    try:
        require_pixels(context.width, context.height)
    except ValueError as error:
        raise InputError(f"expected frames of at most {bound_text()}, found {error} in '{path}'") from error
    return found[0]


def is_cover(stream: Stream) -> bool:
    """Whether it is a still picture that players show of a file."""
    return bool(int(stream.disposition) & 1 << 10)  # AV_DISPOSITION_ATTACHED_PIC


def _others(source: InputContainer, chosen: VideoStream) -> tuple[tuple[int, ...], tuple[str, ...]]:
    copied, left_out = [], []
    for stream in source.streams:
        known = stream.type in ("audio", "subtitle") and stream.codec_context is not None
        if stream.index == chosen.index:
            continue
        if known or stream.type == "attachment" or (stream.type == "video" and is_cover(stream)):
            copied.append(stream.index)
        elif not (stream.type == "data" and source.chapters()):  # those of .mp4 are a stream, too, and made anew
            left_out.append(f"stream {stream.index} ({stream.type})")
    return tuple(copied), tuple(left_out)


def _first_frame(source: InputContainer, stream: VideoStream, path: Path) -> VideoFrame:
    av = library()
    stream.codec_context.thread_count = 1
    with refused(f"cannot read '{path}'", "the file is damaged"):
        for count, packet in enumerate(source.demux(stream)):
            if count > FIRST_PACKETS:
                break
            with suppress(av.error.InvalidDataError):  # some files begin within a group of pictures
                for frame in packet.decode():
                    return frame
    raise InputError(f"no picture of '{path}' can be decoded; the file is damaged, or in a codec that PyAV lacks")


def _clip(
    path: Path,
    demuxer: str,
    source: InputContainer,
    stream: VideoStream,
    frame: VideoFrame,
    copied: tuple[int, ...],
    left_out: tuple[str, ...],
) -> Clip:
    name = _require_usable(frame, path)
    assert stream.time_base is not None
    context = stream.codec_context
    full = name.startswith("yuvj") or (frame.color_range or context.color_range) == colour.FULL
    tags = (
        _told(frame.colorspace, context.colorspace),
        _told(frame.color_primaries, context.color_primaries),
        _told(frame.color_trc, context.color_trc),
    )
    begin = (frame.pts or 0) if stream.start_time is None else stream.start_time
    return Clip(
        path=path,
        demuxer=demuxer,
        stream=stream.index,
        height=frame.height,
        width=frame.width,
        layout=colour.LAYOUTS[name],
        colour=colour.resolve(*tags, full, frame.height),
        time_base=stream.time_base,
        begin=begin * stream.time_base,
        rate=stream.average_rate or stream.guessed_rate or USUAL_RATE,
        seconds=_seconds(source, stream),
        frames=stream.frames,
        aspect=stream.sample_aspect_ratio or None,
        matrix=_turned(frame),
        copied=copied,
        left_out=left_out,
    )


def _require_usable(frame: VideoFrame, path: Path) -> str:
    """The frame's pixel format. Raises InputError for pictures that this room cannot take."""
    name = frame.format.name
    if name not in colour.LAYOUTS:
        known = "Y'CbCr 4:2:0, 4:2:2 or 4:4:4 of 8, 10 or 12 bits"
        raise InputError(f"expected {known}, found {name} in '{path}'; convert the video first")
    if frame.interlaced_frame:
        raise InputError(f"expected progressive pictures, found interlaced ones in '{path}'; deinterlace it first")
    if frame.pts is None:
        raise InputError(f"'{path}' has no timestamps; put it into a container that has, such as .mkv, first")
    return name


def _told(of_frame: int, of_stream: int) -> int:
    """The tag of the pictures themselves, else the container's."""
    return int(of_stream if int(of_frame) in (0, colour.UNSPECIFIED) else of_frame)


def _seconds(source: InputContainer, stream: VideoStream) -> Fraction | None:
    if stream.duration is not None and stream.time_base is not None:
        return stream.duration * stream.time_base
    return None if source.duration is None else Fraction(source.duration, 1_000_000)


def _turned(frame: VideoFrame) -> tuple[int, ...] | None:
    found = cast("SideData | None", frame.side_data.get("DISPLAYMATRIX"))
    return None if found is None else tuple(memoryview(bytes(found)).cast("i"))
