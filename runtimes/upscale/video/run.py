"""Running a plan: decoding, engine and encoding at the same time, segment after segment, then joined."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from dlgsanet.command_line.voice import Voice
from dlgsanet.errors import InputError
from dlgsanet.storage.atomic import new_file, sha256_file
from runtimes.machine.ahead import ahead, behind
from runtimes.machine.clock import now_ms
from runtimes.machine.stage_clock import StageClock
from runtimes.runner.contract import RunInfo, Runner
from runtimes.runner.joined_frames import ChangedRows
from runtimes.runner.tile_memory import ReuseCount, TileMemory, new_shares
from runtimes.runner.tiling import Stream, Tile, nearest_tile
from runtimes.upscale.video.colour import BAND, Array, Planes, empty_planes, put_planes
from runtimes.upscale.video.decode import Frame, read_frames
from runtimes.upscale.video.encode import LargeFrame, SegmentPlace, write_segments
from runtimes.upscale.video.join import join
from runtimes.upscale.video.library import versions
from runtimes.upscale.video.plan import VideoPlan
from runtimes.upscale.video.segments import MadeOf

LOOKED_AT = 24
"""Frames that tell how much of a clip stays as it was: one second, usually."""


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
        tile = choose_tile(plan, run)
        begun = place.begin(made_of(plan, run.info, tile), plan.force)
        first = begun * every
        if begun:
            voice.note(f"going on after {begun} finished segments, {first} frames at most")
        start = now_ms()
        memory = TileMemory(plan.reuse_db)
        with _kept_work(plan, voice):
            upscaler = _Upscaler(run, tile, memory, plan, clock)
            computed = _compute(plan, upscaler, (first, None), place, voice)
        seconds = (now_ms() - start) / 1e3
        frames = join_segments(plan, clock)
        place.remove()
        done = VideoDone(run.info, plan.target, frames, computed, seconds, memory.count)
        for line in done.lines():
            voice.note(line)
        return done


def compute_segments(plan: VideoPlan, run: Runner, numbers: tuple[int, int | None], place: SegmentPlace) -> int:
    """Some of the segments, from the first of the two numbers to before the second (None: to the end), into `place` as
    each is finished; the same bits, whoever computes the others. How many frames they have: fewer at the clip's end."""
    every, clock = plan.coding.key_every, StageClock()
    first, until = numbers
    upscaler = _Upscaler(run, choose_tile(plan, run), TileMemory(plan.reuse_db), plan, clock)
    bounds = (first * every, None if until is None else until * every)
    return _compute(plan, upscaler, bounds, place, Voice(quiet=True))


def join_segments(plan: VideoPlan, clock: StageClock | None = None) -> int:
    """The finished segments and all else of the clip as the target, whole or not at all; how many frames it has.
    Raises InputError as `join`, and where there are none; their folder goes then."""
    segments = plan.place.segments()
    frames = sum(segment.frames for segment in segments)
    if not frames:
        plan.place.remove()
        raise InputError(f"no frame of '{plan.clip.path}' lies in the part that was asked for; check --start")
    with (clock or StageClock()).stage("encode"), new_file(plan.target) as whole:
        join(plan.clip, plan.part, plan.coding, segments, whole)
    return frames


def choose_tile(plan: VideoPlan, run: Runner) -> Tile:
    """The tile in which this clip costs least, as far as its first frames tell: of small ones more stay as they were.

    It depends on nothing but the clip and the bundle, so whoever goes on takes the same.
    """
    height, width = plan.clip.height, plan.clip.width
    if len(run.tiles) < 2:
        return run.tile_for((height, width), plan.overlap)
    with closing(read_frames(plan.clip, plan.part, 0, plan.lenient, lambda said: None)) as frames:
        shares = new_shares((frame.rgb for frame in islice(frames, LOOKED_AT)), run.tiles, plan.overlap)
    costs = {tile: share * run.pixel_costs.get(tile, 1.0) for tile, share in shares.items()} or run.pixel_costs
    return nearest_tile(run.tiles, (height, width), plan.overlap, costs)


def made_of(plan: VideoPlan, info: RunInfo, tile: Tile) -> MadeOf:
    """All that the output's bits depend on."""
    libraries = ", ".join(f"{name} {version}" for name, version in sorted(info.versions.items()))
    options = (plan.part, plan.overlap, tile, plan.reuse_db, plan.lenient, plan.coding)
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


def _compute(
    plan: VideoPlan, upscaler: _Upscaler, bounds: tuple[int, int | None], place: SegmentPlace, voice: Voice
) -> int:
    """Upscale and code the frames from the first number to before the second; returns how many there were."""
    first, clock = bounds[0], upscaler.clock
    about = plan.clip.about(plan.part.start, plan.part.length)
    read = partial(_some_frames, plan, bounds, voice.note)
    write = partial(write_segments, coding=plan.coding, place=place, clock=clock)
    with ExitStack() as stack:
        step = stack.enter_context(voice.progress(None if about is None else max(1, about - first)))
        put = stack.enter_context(behind(write))
        frames = stack.enter_context(ahead(lambda: clock.each("decode", read())))
        large = stack.enter_context(closing(upscaler.large_frames(frames)))
        start, done = now_ms(), 0
        for frame in large:
            _say(step, about, frame.index, done, (now_ms() - start) / 1e3, plan.coding.key_every)
            put(frame)
            done += 1
        return done


def _some_frames(
    plan: VideoPlan, bounds: tuple[int, int | None], note: Callable[[str], None]
) -> Generator[Frame, None, None]:
    """The clip's frames from the first number to before the second."""
    first, until = bounds
    with closing(read_frames(plan.clip, plan.part, first, plan.lenient, note)) as frames:
        yield from islice(frames, None if until is None else until - first)


def _say(step: Callable[[str], None], about: int | None, index: int, done: int, seconds: float, every: int) -> None:
    """Progress: each frame where the end is known; else, since each is a line in a log, once in a segment."""
    rate = f", {done / seconds:.2f} frames/s" if done and seconds > 0 else ""
    if about is not None or index % every == 0:
        step(f"frame {index + 1}{rate}")


@dataclass(frozen=True)
class _Turn:
    """A frame that was read: its number and times, and whether its picture is the one of the frame before."""

    index: int
    pts: int
    duration: int
    same: bool

    def large(self, shown: Planes) -> LargeFrame:
        return LargeFrame(self.index, self.pts, self.duration, shown)


class _Upscaler:
    """Frames to large frames, all tiles in one stream, so that the engine has the next frame's while this one's last
    are computed. What it remembers of the frame before ends with the segment, so that a segment's frames depend on
    nothing before it; and so frames wait for new tiles no longer than that."""

    def __init__(self, run: Runner, tile: Tile, memory: TileMemory, plan: VideoPlan, clock: StageClock) -> None:
        self._run, self._tile, self._memory, self.clock = run, tile, memory, clock
        self._overlap, self._coding, self._every = plan.overlap, plan.coding, plan.coding.key_every
        self._shown = empty_planes(plan.coding.height, plan.coding.width, plan.coding.layout)
        self._turns: deque[_Turn] = deque()

    def large_frames(self, frames: Iterator[Frame]) -> Generator[LargeFrame, None, None]:
        """All frames, upscaled, in their order."""
        new = self._run.each(self._new(frames), self._tile, self._overlap, self._remembered, BAND)
        for changed in self.clock.each("blend", new):
            yield from self._same()
            self._shown = self._changed(changed)
            yield self._turns.popleft().large(self._shown)
        yield from self._same()

    def _same(self) -> Iterator[LargeFrame]:
        """The frames that show the last one again, as far as they were read."""
        while self._turns and self._turns[0].same:
            yield self._turns.popleft().large(self._shown)

    def _changed(self, changed: ChangedRows) -> Planes:
        """The picture shown now, as it waits for the encoder: in a small part of the memory that its colours take."""
        with self.clock.stage("encode"):
            luma, cb, cr = (plane.copy() for plane in self._shown)
            put_planes((luma, cb, cr), changed.rows[0], changed.top, self._coding.layout, self._coding.colour)
        return luma, cb, cr

    def _new(self, frames: Iterator[Frame]) -> Iterator[Array]:
        """The pictures that are not those of the frame before."""
        last: Array | None = None
        for frame in self.clock.each(None, frames):
            if frame.index % self._every == 0:
                self._memory.forget()
                last = None
            same = last is not None and np.array_equal(last, frame.rgb)
            self._turns.append(_Turn(frame.index, frame.pts, frame.duration, same))
            last = frame.rgb
            if same:
                self._memory.repeat()
            else:
                self._memory.begin_frame()
                yield frame.rgb

    def _remembered(self, run: Stream) -> Stream:
        return self._memory.stream(self.clock.engine(run))
