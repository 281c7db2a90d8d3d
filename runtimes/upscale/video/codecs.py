"""Codecs and containers that videos are written in: what fits together, and how an encoder is set up."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, cast

from dlgsanet.errors import InputError, unknown
from runtimes.upscale.video.colour import FULL, LIMITED, Colour, Layout

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

THREADS = 4
"""Of an encoder, on every machine: the threads change the bits, and a run may go on elsewhere."""


@dataclass(frozen=True)
class VideoCodec:
    """One way of coding: `crf` is the usual quality (None: it loses nothing), `largest` the worst that it takes."""

    name: str
    encoder: str
    crf: int | None
    largest: int
    options: tuple[tuple[str, str], ...]
    depths: tuple[int, ...]
    chromas: tuple[str, ...] = ("420", "422", "444")


CODECS = {
    codec.name: codec
    for codec in (
        # By AVX-512, x264 165 codes the same frames now so, now so: what is the same everywhere is also the same twice.
        VideoCodec("h264", "libx264", 18, 51, (("preset", "veryfast"), ("x264-params", "cpu-independent=1")), (8, 10)),
        VideoCodec(
            "h265", "libx265", 20, 51, (("preset", "fast"), ("x265-params", "log-level=none:open-gop=0")), (8, 10, 12)
        ),
        VideoCodec("av1", "libsvtav1", 24, 63, (("preset", "8"),), (8, 10), ("420",)),
        VideoCodec("vp9", "libvpx-vp9", 24, 63, (("cpu-used", "4"), ("row-mt", "1"), ("b", "0")), (8,)),
        VideoCodec("ffv1", "ffv1", None, 0, (("level", "3"), ("slices", "4")), (8, 10, 12)),
    )
}
CONTAINERS = {
    ".mp4": ("mp4", ("h264", "h265", "av1", "vp9")),
    ".m4v": ("mp4", ("h264", "h265", "av1")),
    ".mov": ("mov", ("h264", "h265")),
    ".mkv": ("matroska", ("h264", "h265", "av1", "vp9", "ffv1")),
    ".webm": ("webm", ("av1", "vp9")),
}
"""Suffix -> FFmpeg's name of the muxer, and the codecs it takes; the first is the default."""


@dataclass(frozen=True)
class Coding:
    """How the output's pictures are coded: all that the encoder is told, so all that its bits depend on."""

    codec: VideoCodec
    crf: int | None
    layout: Layout
    colour: Colour
    height: int
    width: int
    time_base: Fraction
    rate: Fraction
    aspect: Fraction | None
    key_every: int

    def add_to(self, container: OutputContainer) -> VideoStream:
        """A stream of the container whose encoder is set up, but not open yet."""
        options = dict(self.codec.options) | ({"crf": str(self.crf)} if self.crf is not None else {})
        stream = cast("VideoStream", container.add_stream(self.codec.encoder, self.rate, options))
        context = stream.codec_context
        context.width, context.height = self.width, self.height
        context.pix_fmt = self.layout.name
        context.time_base = stream.time_base = self.time_base
        context.gop_size = self.key_every
        context.thread_count = THREADS
        context.colorspace, context.color_primaries = self.colour.matrix, self.colour.primaries
        context.color_trc = self.colour.transfer
        context.color_range = FULL if self.colour.full else LIMITED
        if self.aspect is not None:
            context.sample_aspect_ratio = self.aspect
        return stream


def choose_codec(name: str | None, suffix: str) -> VideoCodec:
    """The codec meant, or the first that the container takes. Raises InputError for what does not fit."""
    if suffix not in CONTAINERS:
        raise InputError(f"expected an output in {' '.join(CONTAINERS)}, found '{suffix}'; choose one of them")
    fitting = CONTAINERS[suffix][1]
    if name is None:
        return CODECS[fitting[0]]
    if name not in CODECS:
        raise unknown("codec", name, CODECS)
    if name not in fitting:
        raise InputError(f"{name} does not go into {suffix}, which takes {', '.join(fitting)}; .mkv takes every codec")
    return CODECS[name]


def choose_crf(codec: VideoCodec, crf: int | None) -> int | None:
    """The quality meant, or the codec's usual one. Raises InputError for one that it has not."""
    if crf is None:
        return codec.crf
    if codec.crf is None:
        raise InputError(f"{codec.name} loses nothing, so it has no --crf; leave it out")
    if not 0 <= crf <= codec.largest:
        raise InputError(f"expected --crf from 0 to {codec.largest} for {codec.name}, found {crf}")
    return crf


def require_pixels(codec: VideoCodec, layout: Layout, height: int, width: int) -> None:
    """Refuse pixels that the codec does not take. Raises InputError."""
    able = [one.name for one in CODECS.values() if layout.bits in one.depths and layout.name[3:6] in one.chromas]
    if codec.name not in able:
        raise InputError(f"{codec.name} does not take {layout.name}; choose --codec {' or '.join(able)}")
    if height % layout.rows or width % layout.columns:
        raise InputError(
            f"expected an even size after upscaling for {layout.name}, found {width}x{height}; cut the video to an "
            "even size, or take a network of x2 or x4"
        )
