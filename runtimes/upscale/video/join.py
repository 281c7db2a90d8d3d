"""The finished file: coded pictures from the segments, everything else copied packet by packet from the source."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from heapq import merge
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlgsanet.errors import InputError
from runtimes.upscale.video.codecs import CONTAINERS, Coding
from runtimes.upscale.video.decode import Part
from runtimes.upscale.video.library import library, open_source, reason, refused
from runtimes.upscale.video.probe import MOST_ATTACHED, Clip
from runtimes.upscale.video.segments import CodedFrame, CodedSegment, spanning, timed_packets

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

    Streams = dict[int, Stream]

# Of a container that was: a muxer writes its own, or they would no longer be true.
_STALE = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration")
_STALE_BEGINNINGS = ("number_of_", "_statistics_", "bps")


def require_container(clip: Clip, part: Part, coding: Coding, suffix: str) -> None:
    """Refuse a container that does not take all that is copied. Writes nothing. Raises InputError."""
    with (
        open_source(clip.path, clip.demuxer) as source,
        library().open(io.BytesIO(), "w", format=CONTAINERS[suffix][0]) as output,
    ):
        _add_streams(source, output, clip, part, coding, suffix)
        with refused(f"cannot write {suffix} with the streams of '{clip.path}'", "name the output .mkv"):
            output.start_encoding()


def join(clip: Clip, part: Part, coding: Coding, segments: Sequence[CodedSegment], target: Path) -> None:
    """Write the whole file at `target`. Raises InputError for a damaged segment or source."""
    suffix = target.suffix.lower()
    options = {"movflags": "+faststart"} if CONTAINERS[suffix][0] in ("mp4", "mov") else {}
    with (
        refused(f"cannot write '{target}'", "choose another container, such as .mkv"),
        open_source(clip.path, clip.demuxer) as source,
        library().open(str(target), "w", format=CONTAINERS[suffix][0], container_options=options) as output,
    ):
        pictures, copies = _add_streams(source, output, clip, part, coding, suffix)
        output.start_encoding()
        coded = timed_packets(segments)
        coded = spanning(coded, segments) if options else coded
        others = _copied(source, clip, part, copies)
        for _, packet in merge(_pictures(coded, pictures, coding.time_base), others, key=lambda it: it[0]):
            output.mux_one(packet)


def _add_streams(
    source: InputContainer, output: OutputContainer, clip: Clip, part: Part, coding: Coding, suffix: str
) -> tuple[VideoStream, Streams]:
    """All streams, in the source's order; what is written into the header comes along."""
    output.metadata.update(_kept(source.metadata))
    output.set_chapters(_chapters(source, clip, part))  # type: ignore[arg-type]
    copies: Streams = {}
    pictures: VideoStream | None = None
    for stream in source.streams:
        if stream.index == clip.stream:
            pictures = coding.add_to(output)
            pictures.set_display_matrix(clip.matrix)
            _describe(pictures, stream)
        elif stream.index in clip.copied:
            copies[stream.index] = _copy(output, stream, suffix)
    assert pictures is not None
    return pictures, {index: copy for index, copy in copies.items() if copy.type != "attachment"}


def _copy(output: OutputContainer, stream: Stream, suffix: str) -> Stream:
    name = getattr(stream.codec_context, "name", stream.type)
    what = f"{stream.type} stream {stream.index} ({name}) does not go into {suffix}"
    try:
        if stream.type == "attachment":
            if len(stream.data) > MOST_ATTACHED:  # type: ignore[attr-defined]
                raise InputError(f"attachment {stream.index} is larger than {MOST_ATTACHED >> 20} MiB; leave it out")
            return _attach(output, stream)
        copy = output.add_stream_from_template(stream, opaque=True)
    except (ValueError, library().error.FFmpegError) as error:
        raise InputError(f"{what}: {reason(error)}; name the output .mkv, which takes almost everything") from error
    _describe(copy, stream)
    return copy


def _attach(output: OutputContainer, stream: Any) -> Stream:
    if output.format.name != "matroska":
        raise ValueError("it holds no attachments")
    name = stream.metadata.get("filename", f"attachment-{stream.index}")
    copy: Stream = output.add_attachment(name, stream.mimetype or "application/octet-stream", stream.data)
    return copy


def _describe(copy: Stream, stream: Stream) -> None:
    copy.metadata.update(_kept(stream.metadata))
    copy.disposition = stream.disposition


def _kept(metadata: dict[str, str]) -> dict[str, str]:
    def stale(name: str) -> bool:
        return name.lower() in _STALE or name.lower().startswith(_STALE_BEGINNINGS)

    return {name: value for name, value in metadata.items() if not stale(name)}


def _chapters(source: InputContainer, clip: Clip, part: Part) -> list[dict[str, object]]:
    """Those that reach into the part, cut to it."""
    begin, end = part.bounds(clip)
    found: list[dict[str, object]] = []
    for chapter in source.chapters():
        base = chapter["time_base"]
        if base is None or base <= 0:
            continue
        first, last = chapter["start"], chapter["end"]
        if not part.whole:
            shift = part.shift(clip, base)
            beyond = last if end is None else min(last, int(end / base))
            first, last = max(first, int(begin / base)) - shift, beyond - shift
            if last <= first:
                continue
        found.append({**chapter, "start": first, "end": last})
    return found


def _pictures(
    timed: Iterator[tuple[int, CodedFrame]], stream: VideoStream, time_base: Fraction
) -> Iterator[tuple[Fraction, Packet[Any]]]:
    av = library()
    for decoded, coded in timed:
        packet = av.Packet(coded.data)
        packet.stream, packet.time_base = stream, time_base
        packet.pts, packet.dts = coded.pts, decoded
        packet.duration, packet.is_keyframe = coded.duration, coded.key
        yield packet.dts * time_base, packet


def _copied(source: InputContainer, clip: Clip, part: Part, copies: Streams) -> Iterator[tuple[Fraction, Packet[Any]]]:
    """Packets of the other streams as they are; those that begin within the part."""
    if not copies:
        return
    begin, end = part.bounds(clip)
    if part.start > 0:
        source.seek(int(begin * 1_000_000))
    for packet in source.demux([source.streams[index] for index in copies]):
        time = packet.pts if packet.pts is not None else packet.dts
        if packet.size == 0 or time is None:
            continue
        moment = time * packet.time_base
        if (part.start > 0 and moment < begin) or (end is not None and moment >= end):
            continue
        shift = part.shift(clip, packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
        packet.stream = copies[packet.stream_index]
        yield (time - shift) * packet.time_base, packet
