"""Frames a second of `upscale` on a video against the engine alone, and against VapourSynth with vs-mlrt.

`python -m benchmarks.studies.peers.video_speed BUNDLE --artifact NAME -o FILE.json [--vapoursynth PYTHON]`: PYTHON is
one of 3.12 with vapoursynth, vapoursynth-mlrt-ort, vapoursynth-mlrt-ov and av. All run in turn, round by round.

Ours is the whole way: decoding, colours, tiles, engine, blending, H.264, the finished file. The engine alone gets the
tiles of the same frames, all of them. VapourSynth runs the bundle's own script in float32; it is given decoded frames,
and its pictures go to the same encoder, set up alike.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.records.study_file import StudyFile, write_study
from benchmarks.studies import run_study
from benchmarks.studies.peers.clips import CLIPS, write_clip
from dlgsanet.command_line.voice import Voice
from dlgsanet.errors import BackendError
from runtimes import open_runner
from runtimes.file_formats.markdown import markdown_table
from runtimes.machine.clock import now_ms
from runtimes.machine.processor import available_threads, cpu_name
from runtimes.runner.contract import Runner
from runtimes.runner.tiling import Array, Stream, Tile
from runtimes.upscale.options import UpscaleOptions
from runtimes.upscale.plan import STREAMS
from runtimes.upscale.video.codecs import THREADS
from runtimes.upscale.video.decode import Part, planes, read_frames
from runtimes.upscale.video.library import library
from runtimes.upscale.video.plan import VideoPlan, plan_video
from runtimes.upscale.video.run import choose_tile, run_video

ENGINES = ("ort", "ov")
_QUIET = Voice(quiet=True)
_DRIVE = """
import io, json, runpy, sys, time
import av
import numpy as np
import vapoursynth as vs

planes = np.load(sys.argv[1])
height, width = planes["luma"].shape[1:]
blank = vs.core.std.BlankClip(width=width, height=height, format=vs.YUV420P8, length=len(planes["luma"]))
held = [planes[name] for name in ("luma", "cb", "cr")]

def fill(n, f):
    frame = f.copy()
    for place, plane in enumerate(held):
        np.copyto(np.asarray(frame[place]), plane[n])
    frame.props["_Matrix"] = 6
    return frame

clip = vs.core.std.ModifyFrame(blank, blank, fill)
large = runpy.run_path(sys.argv[2], init_globals={"clip": clip, "engine": sys.argv[3]})["upscaled"]
large.get_frame(0)
container = av.open(io.BytesIO(), "w", format="matroska")
stream = container.add_stream("libx264", 25, json.loads(sys.argv[4]))
stream.width, stream.height, stream.pix_fmt = large.width, large.height, "yuv420p"
stream.codec_context.thread_count = int(sys.argv[5])
begun = time.perf_counter()
for count, frame in enumerate(large.frames(close=True), 1):
    image = av.VideoFrame(large.width, large.height, "yuv420p")
    for place, plane in enumerate(image.planes):
        samples = np.asarray(frame[place])
        there = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        there[: samples.shape[0], : samples.shape[1]] = samples
    container.mux(stream.encode(image))
container.mux(stream.encode(None))
print((count - 1) / (time.perf_counter() - begun))  # the first was there already
"""


@dataclass(frozen=True)
class VideoRow:
    """Of one clip and artifact: medians of frames a second, ours as a share of the engine's (paired), and the share of
    tiles that were the same as before; vs-mlrt by engine, empty where it did not run."""

    clip: str
    artifact: str
    tile: tuple[int, int]
    rounds: int
    engine_fps: float
    ours_fps: float
    share: float
    reused: float
    vapoursynth_fps: Mapping[str, float]


@dataclass(frozen=True)
class VideoSpeed(StudyFile):
    """The file of one run."""

    frames: int
    threads: int
    rows: tuple[VideoRow, ...]
    machine: str = ""
    """The processor and its cores; empty in files that do not tell."""


@dataclass(frozen=True)
class _Job:
    """One clip, ready to run."""

    plan: VideoPlan
    run: Runner
    tiles: list[Array]
    frames: int

    def engine(self) -> float:
        """Frames a second of the engine alone."""
        begun = now_ms()
        for _ in self.run._infer_each(iter(self.tiles)):  # as many at once as in ours, and nothing is checked
            pass
        return self.frames / (now_ms() - begun) * 1e3

    def ours(self) -> tuple[float, float]:
        """Frames a second of the whole way, and the share of tiles that were used again."""
        begun = now_ms()
        done = run_video(replace(self.plan, runner=nullcontext(self.run)), _QUIET)
        seconds = (now_ms() - begun) / 1e3
        done.target.unlink()
        return done.frames / seconds, (done.reuse.exact + done.reuse.near) / max(done.reuse.tiles, 1)


def measure(
    bundle: Path,
    artifact: str,
    kind: str,
    frames: int,
    rounds: int,
    python: str | None,
    engines: Sequence[str] = ENGINES,
) -> VideoRow:
    """All that runs here, in turn."""
    with tempfile.TemporaryDirectory() as folder, open_runner(bundle, artifact, streams=STREAMS) as run:
        source = write_clip(Path(folder, "clip.mp4"), kind, frames)
        options = UpscaleOptions((source,), Path(folder, "large.mp4"), bundle=bundle)
        plan = plan_video(options, nullcontext(run), run.scale, _QUIET)
        tile = choose_tile(plan, run)
        job = _Job(plan, run, list(_tiles(plan, run, tile)), frames)
        theirs = _vapoursynth(plan, bundle, Path(folder), python, engines) if python else {}
        job.engine()
        pairs, others = [], {name: [frame_rate()] for name, frame_rate in theirs.items()}
        for number in range(rounds):
            pairs.append((job.engine(), *job.ours()))
            for name, frame_rate in theirs.items() if number else ():
                others[name].append(frame_rate())
        return VideoRow(
            clip=kind,
            artifact=run.info.artifact,
            tile=tile,
            rounds=rounds,
            engine_fps=median(engine for engine, _, _ in pairs),
            ours_fps=median(ours for _, ours, _ in pairs),
            share=median(ours / engine for engine, ours, _ in pairs),
            reused=pairs[0][2],
            vapoursynth_fps={name: median(found) for name, found in others.items()},
        )


def _tiles(plan: VideoPlan, run: Runner, tile: Tile) -> Iterator[Array]:
    """Those of all frames, as the tiler cuts them."""
    found: list[Array] = []

    def kept(engine: Stream) -> Stream:
        def keep(tiles: Iterator[Array]) -> Iterator[Array]:
            for cut in tiles:
                found.append(cut)
                yield from engine(iter([cut]))

        return keep

    frames = (frame.rgb for frame in read_frames(plan.clip, Part(), 0, False, _QUIET.note))
    for _ in run.each(frames, tile, plan.overlap, kept):
        yield from found
        found.clear()


def _vapoursynth(
    plan: VideoPlan, bundle: Path, folder: Path, python: str, engines: Sequence[str]
) -> dict[str, Callable[[], float]]:
    """How to run vs-mlrt, by engine: each time in a process of its own, its start not counted."""
    with library().open(str(plan.clip.path)) as source:
        found: list[Any] = [planes(frame, plan.clip.layout) for frame in source.decode(video=0)]
    luma, cb, cr = (np.stack(each) for each in zip(*found, strict=True))
    np.savez(folder / "frames.npz", luma=luma, cb=cb, cr=cr)

    coding = json.dumps({**dict(plan.coding.codec.options), "crf": str(plan.coding.crf)})

    def frame_rate(engine: str) -> float:
        script = str(bundle / "onnx" / "upscale.vpy")
        words = [python, "-c", _DRIVE, str(folder / "frames.npz"), script, engine, coding, str(THREADS)]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            raise BackendError(f"vs-mlrt with {engine} failed: {done.stderr.strip().splitlines()[-1:]}")
        return float(done.stdout.split()[-1])

    return {engine: lambda engine=engine: frame_rate(engine) for engine in engines}  # type: ignore[misc]


def table(files: list[VideoSpeed]) -> str:
    """One line for each clip and artifact."""
    head = [
        "clip",
        "artifact",
        "machine",
        "tile",
        "engine alone",
        "whole way",
        "share",
        "tiles reused",
        "vs-mlrt ort",
        "vs-mlrt ov",
    ]
    rows = []
    for file, row in ((each, row) for each in files for row in each.rows):
        others = [row.vapoursynth_fps.get(engine) for engine in ENGINES]
        figures = [f"{row.engine_fps:.2f}", f"{row.ours_fps:.2f}", f"{row.share:.2f}", f"{row.reused:.0%}"]
        where = [file.machine or "not told", f"{row.tile[0]}x{row.tile[1]}"]
        rows.append(
            [row.clip, row.artifact, *where, *figures, *("" if fps is None else f"{fps:.2f}" for fps in others)]
        )
    return markdown_table(head, rows)


def main(
    bundle: Path,
    output: Annotated[Path, typer.Option("-o")],
    artifact: Annotated[list[str], typer.Option()],
    clip: Annotated[list[str] | None, typer.Option()] = None,
    frames: int = 48,
    rounds: int = 3,
    vapoursynth: str | None = None,
    engine: Annotated[list[str] | None, typer.Option()] = None,
) -> None:
    """Measure, print the table and write the file."""
    rows = tuple(
        measure(bundle, one, kind, frames, rounds, vapoursynth, engine or ENGINES)
        for one in artifact
        for kind in clip or CLIPS
    )
    with open_runner(bundle, artifact[0]) as run:
        found = VideoSpeed(frames, run.info.threads, rows, f"{cpu_name()}, {available_threads()} cores")
    write_study(output, found)
    print(table([found]))  # noqa: T201


if __name__ == "__main__":
    run_study(main)
