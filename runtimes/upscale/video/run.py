"""Running a plan: decoding, engine and encoding at the same time, segment after segment, then joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from dlgsanet.command_line.voice import Voice
from dlgsanet.errors import InputError
from dlgsanet.storage.atomic import new_file, sha256_file
from runtimes.machine.ahead import ahead, behind
from runtimes.machine.clock import now_ms
from runtimes.machine.stage_clock import StageClock
from runtimes.runner.contract import RunInfo, Runner
from runtimes.runner.tile_memory import ReuseCount, TileMemory
from runtimes.runner.tiling import Stream
from runtimes.upscale.video.colour import Array
from runtimes.upscale.video.decode import Frame, read_frames
from runtimes.upscale.video.encode import LargeFrame, write_segments
from runtimes.upscale.video.join import join
from runtimes.upscale.video.library import versions
from runtimes.upscale.video.plan import VideoPlan
from runtimes.upscale.video.segments import MadeOf


@dataclass(frozen=True)
class VideoDone:
    """What was done: by what, to which file; `frames` in all, `computed` of them by this run in `seconds`."""

    info: RunInfo
    target: Path
    frames: int
    computed: int
    seconds: float
    reuse: ReuseCount

    @property
    def targets(self) -> list[Path]:
        """The file written."""
        return [self.target]

    def facts(self) -> dict[str, object]:
        """For programs."""
        return {
            "artifact": self.info.artifact,
            "backend": self.info.backend,
            "device": self.info.device,
            "precision": self.info.reported_precision,
            "seconds": round(self.seconds, 3),
            "video": {
                "target": str(self.target),
                "frames": self.frames,
                "computed": self.computed,
                "frames_per_second": round(self.computed / self.seconds, 3) if self.computed else None,
                "reuse": self.reuse.facts(),
            },
        }

    def lines(self) -> list[str]:
        """For a person, on stderr."""
        rate = f", {self.computed / self.seconds:.2f} frames a second" if self.computed else ""
        return [f"{self.frames} frames, {self.computed} of them now{rate}", *self.reuse.lines()]


def run_video(plan: VideoPlan, voice: Voice, clock: StageClock | None = None) -> VideoDone:
    """Upscale the video; `clock` times it.

    Whatever ends it early leaves finished segments, and nothing under the target's name.
    """
    place, every, clock = plan.place, plan.coding.key_every, clock or StageClock()
    with plan.runner as run:
        begun = place.begin(made_of(plan, run.info), plan.force)
        first = begun * every
        if begun:
            voice.note(f"going on after {begun} finished segments, {first} frames at most")
        start = now_ms()
        memory = TileMemory(plan.reuse_db)
        with _kept_work(plan, voice):
            computed = _compute(plan, run, memory, first, voice, clock)
        seconds = (now_ms() - start) / 1e3
        segments = place.segments()
        frames = sum(segment.frames for segment in segments)
        if not frames:
            place.remove()
            raise InputError(f"no frame of '{plan.clip.path}' lies in the part that was asked for; check --start")
        with clock.stage("encode"), new_file(plan.target) as whole:
            join(plan.clip, plan.part, plan.coding, segments, whole)
        place.remove()
        done = VideoDone(run.info, plan.target, frames, computed, seconds, memory.count)
        for line in done.lines():
            voice.note(line)
        return done


def made_of(plan: VideoPlan, info: RunInfo) -> MadeOf:
    """All that the output's bits depend on."""
    libraries = ", ".join(f"{name} {version}" for name, version in sorted(info.versions.items()))
    options = (plan.part, plan.overlap, plan.reuse_db, plan.lenient, plan.coding)
    return MadeOf(
        source=sha256_file(plan.clip.path),
        artifact=f"{info.artifact} ({info.reported_precision}), weights {plan.weights}",
        runs_on=f"{info.device}, {info.threads} threads, {libraries}, {versions()}",
        options=repr(options),
    )


@contextmanager
def _kept_work(plan: VideoPlan, voice: Voice) -> Iterator[None]:
    """Say what stays when the work is cut short; an empty folder does not."""
    try:
        yield
    except BaseException:
        finished = len(plan.place.segments())
        if finished:
            frames = finished * plan.coding.key_every
            voice.note(f"kept {frames} finished frames in '{plan.place.folder}': the same command goes on with them")
        else:
            plan.place.remove()
        raise


def _compute(plan: VideoPlan, run: Runner, memory: TileMemory, first: int, voice: Voice, clock: StageClock) -> int:
    """Upscale and code the frames from number `first` on; returns how many there were."""
    about = plan.clip.about(plan.part.start, plan.part.length)
    read = partial(read_frames, plan.clip, plan.part, first, plan.lenient, voice.note)
    write = partial(write_segments, coding=plan.coding, place=plan.place, clock=clock)
    with ExitStack() as stack:
        step = stack.enter_context(voice.progress(None if about is None else max(1, about - first)))
        put = stack.enter_context(behind(write))
        frames = stack.enter_context(ahead(lambda: clock.each("decode", read())))
        upscale = _Upscaler(run, memory, plan, clock)
        start, done = now_ms(), 0
        for frame in frames:
            _say(step, about, frame, done, (now_ms() - start) / 1e3, plan.coding.key_every)
            put(upscale(frame))
            done += 1
        return done


def _say(step: Callable[[str], None], about: int | None, frame: Frame, done: int, seconds: float, every: int) -> None:
    """Progress: each frame where the end is known; else, since each is a line in a log, once in a segment."""
    rate = f", {done / seconds:.2f} frames/s" if done and seconds > 0 else ""
    if about is not None or frame.index % every == 0:
        step(f"frame {frame.index + 1}{rate}")


class _Upscaler:
    """Frames to large frames. What it remembers of the frame before ends with the segment, so that a segment's
    frames depend on nothing before it."""

    def __init__(self, run: Runner, memory: TileMemory, plan: VideoPlan, clock: StageClock) -> None:
        self._run, self._memory, self._clock = run, memory, clock
        self._overlap, self._every = plan.overlap, plan.coding.key_every
        self._last: tuple[Array, LargeFrame] | None = None

    def __call__(self, frame: Frame) -> LargeFrame:
        if frame.index % self._every == 0:
            self._memory.forget()
            self._last = None
        if self._last is not None and np.array_equal(self._last[0], frame.rgb):
            self._memory.repeat()
            large = replace(self._last[1], index=frame.index, pts=frame.pts, duration=frame.duration)
        else:
            large = LargeFrame(frame.index, frame.pts, frame.duration, self._tiled(frame))
        self._last = frame.rgb, large
        return large

    def _tiled(self, frame: Frame) -> Array:
        height, width = (side * self._run.scale for side in frame.rgb.shape[2:])
        large = np.empty((3, height, width), np.float32)
        rows = self._run.rows(frame.rgb, self._overlap, through=self._remembered)
        for y0, strip in self._clock.each("blend", rows):
            with self._clock.stage("copies"):
                large[:, y0 : y0 + strip.shape[2]] = strip[0]
        return large

    def _remembered(self, run: Stream) -> Stream:
        return self._memory.stream(self._clock.engine(run))
