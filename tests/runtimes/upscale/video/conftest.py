"""Clips that the tests code themselves: a moving pattern, times of their own choice, a tone beside it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlgsanet.command_line.voice import Voice
from runtimes.backends.torch.runner import TorchRunner
from runtimes.upscale.options import UpscaleOptions
from runtimes.upscale.video.codecs import FULL, LIMITED
from runtimes.upscale.video.colour import LAYOUTS, Colour, to_planes
from runtimes.upscale.video.plan import VideoPlan, plan_video

av = pytest.importorskip("av")
BASE = Fraction(1, 12800)
TICKS = 512
SCALE = 2
SD = Colour(6, 6, 6, False)


def moving(count: int, height: int, width: int, still: int = 0) -> list[np.ndarray]:
    """Pictures 3 x H x W float32: a pattern that walks; its first `still` rows stay."""
    rng = np.random.default_rng(3)
    coarse = rng.random((3, -(-height // 4), -(-width // 4)), dtype=np.float32)
    pattern = np.kron(coarse, np.ones((4, 4), np.float32))[:, :height, :width]
    frames = [np.roll(pattern, index, axis=2) for index in range(count)]
    for frame in frames:
        frame[:, :still] = pattern[:, :still]
    return frames


def unevenly(count: int) -> list[int]:
    """Times of a phone that drops frames in the dark."""
    steps = [TICKS * (1, 3, 2)[index % 3] for index in range(count)]
    return [sum(steps[:index]) for index in range(count)]


@dataclass(frozen=True)
class ClipKit:
    """Makes and reads clips."""

    base: Fraction = BASE
    moving = staticmethod(moving)
    unevenly = staticmethod(unevenly)

    def write(
        self,
        path: Path,
        frames: list[np.ndarray] | None = None,
        times: list[int] | None = None,
        pixels: str = "yuv420p",
        colour: Colour | None = SD,
        codec: str = "libx264",
        tone: bool = False,
        options: dict[str, str] = {"crf": "12"},  # noqa: B006  (never changed)
        **extras: Any,
    ) -> Path:
        """Code frames into `path`. `extras`: turned, title, chapters, subtitles."""
        frames = moving(10, 24, 32) if frames is None else frames
        times = [TICKS * index for index in range(len(frames))] if times is None else times
        meant = colour or SD
        with av.open(str(path), "w") as container:
            container.metadata.update({"title": extras["title"]} if "title" in extras else {})
            container.set_chapters(extras.get("chapters", []))
            stream = container.add_stream(codec, 25, dict(options))
            stream.height, stream.width = frames[0].shape[1:]
            stream.pix_fmt = pixels
            stream.codec_context.time_base = stream.time_base = BASE
            if colour is not None:
                context = stream.codec_context
                context.colorspace, context.color_primaries = colour.matrix, colour.primaries
                context.color_trc, context.color_range = colour.transfer, FULL if colour.full else LIMITED
            if "turned" in extras:
                stream.set_display_rotation(extras["turned"])
            sound = self._sound(container) if tone else None
            for pts, rgb in zip(times, frames, strict=True):
                container.mux(stream.encode(self.image(rgb, pixels, meant, pts)))
            container.mux(stream.encode(None))
            if sound is not None:
                self._play(container, sound)
        return path

    @staticmethod
    def image(rgb: np.ndarray, pixels: str, colour: Colour, pts: int) -> Any:
        layout = LAYOUTS[pixels]
        image = av.VideoFrame(rgb.shape[2], rgb.shape[1], pixels)
        for plane, samples in zip(image.planes, to_planes(rgb, layout, colour), strict=True):
            stride = plane.line_size // samples.itemsize
            place = np.frombuffer(plane, samples.dtype)[: samples.shape[0] * stride].reshape(-1, stride)
            place[:, : samples.shape[1]] = samples
        image.pts, image.time_base = pts, BASE
        return image

    @staticmethod
    def _sound(container: Any) -> Any:
        sound = container.add_stream("aac", 48000)
        sound.layout = "mono"
        sound.metadata["language"] = "deu"
        return sound

    @staticmethod
    def _play(container: Any, sound: Any) -> None:
        wave = np.sin(np.arange(24 * 1024) / 20).astype(np.float32) * 0.3
        for place in range(0, len(wave), 1024):
            frame = av.AudioFrame.from_ndarray(wave[None, place : place + 1024], "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, place, Fraction(1, 48000)
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))

    @staticmethod
    def decoded(path: Path) -> list[Any]:
        """All frames."""
        with av.open(str(path)) as container:
            return list(container.decode(video=0))

    @staticmethod
    def packets(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
        """Time and bytes of every packet of the streams of a kind."""
        with av.open(str(path)) as container:
            streams = [stream for stream in container.streams if stream.type == kind]
            found = [packet for packet in container.demux(streams) if packet.size]
            return [(packet.pts * packet.time_base, bytes(packet)) for packet in found]

    @staticmethod
    def samples(path: Path) -> list[bytes]:
        """The pixels of every frame."""
        return [frame.to_ndarray().tobytes() for frame in ClipKit.decoded(path)]


@dataclass
class Engine:
    """x2 by repeating pixels; counts what it runs, and can end its own process."""

    runs: int = 0
    fails_at: int | None = None
    error: BaseException = field(default_factory=KeyboardInterrupt)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self.runs += 1
        if self.runs == self.fails_at:
            raise self.error
        return np.repeat(np.repeat(x, SCALE, 2), SCALE, 3)

    def runner(self, tile: tuple[int, int] = (16, 16)) -> TorchRunner:
        return TorchRunner(self, SCALE, tile, "twice")


@dataclass(frozen=True)
class PlanKit:
    """Plans with short segments and a quick engine."""

    Engine = Engine

    def plan(
        self, source: Path, target: Path, engine: Engine | None = None, every: int = 4, **options: Any
    ) -> VideoPlan:
        asked = UpscaleOptions((source,), target, model="twice", overlap=4, **options)
        plan = plan_video(asked, (engine or Engine()).runner(), SCALE, Voice(quiet=True))
        return replace(plan, coding=replace(plan.coding, key_every=every))


@pytest.fixture(scope="session")
def clips() -> ClipKit:
    return ClipKit()


@pytest.fixture(scope="session")
def plans() -> PlanKit:
    return PlanKit()


@pytest.fixture(scope="session")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("clips") / "clip.mp4"
    chapters = [
        {"id": 1, "start": 0, "end": 200, "time_base": Fraction(1, 1000), "metadata": {"title": "one"}},
        {"id": 2, "start": 200, "end": 700, "time_base": Fraction(1, 1000), "metadata": {"title": "two"}},
    ]
    kit = ClipKit()
    return kit.write(place, times=unevenly(10), tone=True, title="A walk", chapters=chapters)


@pytest.fixture
def clip(_shared: Path, tmp_path: Path) -> Path:
    """10 frames of 32x24 at uneven times, with sound, title and chapters."""
    copy = tmp_path / "clip.mp4"
    copy.write_bytes(_shared.read_bytes())
    return copy
