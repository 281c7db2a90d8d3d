"""Interrupted anywhere, the same command goes on, and the file is the one that an undisturbed run writes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dlgsanet.command_line.voice import Voice
from dlgsanet.errors import InputError
from runtimes.machine.stage_clock import STAGES, StageClock
from runtimes.upscale.video.run import run_video

QUIET = Voice(quiet=True)
TILES = 6  # of a frame of 32x24, in tiles of 16x16 that share 4 pixels
ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def undisturbed(clip, plans, tmp_path):
    """The bytes of the file that one run writes."""
    run_video(plans.plan(clip, tmp_path / "whole" / "large.mp4"), QUIET)
    return (tmp_path / "whole" / "large.mp4").read_bytes()


def test_interrupted_again_and_again(clip, plans, tmp_path, undisturbed):
    place = tmp_path / "out" / "large.mp4"
    for frame in (2, 5, 8):  # within the first, second and third segment of four frames
        finished = len(list(place.parent.glob("large.mp4.parts/*.segment")))
        engine = plans.Engine(fails_at=(frame - 4 * finished) * TILES + 3)
        with pytest.raises(KeyboardInterrupt):
            run_video(plans.plan(clip, place, engine), QUIET)
        assert not place.exists()
    engine = plans.Engine()
    done = run_video(plans.plan(clip, place, engine), QUIET)
    assert place.read_bytes() == undisturbed
    assert done.frames == 10 and done.computed == 2 and engine.runs == 2 * TILES
    assert [path.name for path in place.parent.iterdir()] == ["large.mp4"]


def test_interrupted_before_anything_is_finished_leaves_nothing(clip, plans, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(KeyboardInterrupt):
        run_video(plans.plan(clip, tmp_path / "out" / "a.mp4", plans.Engine(fails_at=9)), QUIET)
    assert list((tmp_path / "out").iterdir()) == []


KILLED = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from dlgsanet.command_line.voice import Voice
from runtimes.backends.torch.runner import TorchRunner
from runtimes.upscale.options import UpscaleOptions
from runtimes.upscale.video import run
from runtimes.upscale.video.plan import plan_video

source, target, when = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
left = int(when) if when.isdigit() else 10**9

def engine(x):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return np.repeat(np.repeat(x, 2, 2), 2, 3)

if when == "joining":
    def joined(clip, part, coding, segments, target):
        target.write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    run.join = joined
asked = UpscaleOptions((source,), target, model="twice", overlap=4)
plan = plan_video(asked, TorchRunner(engine, 2, (16, 16), "twice"), 2, Voice(quiet=True))
run.run_video(replace(plan, coding=replace(plan.coding, key_every=4)), Voice(quiet=True))
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
@pytest.mark.parametrize("when", [str(3 * TILES), str(6 * TILES + 2), "joining"])
def test_killed_within_a_segment_or_while_joining(clip, plans, tmp_path, undisturbed, when):
    place = tmp_path / "out" / "large.mp4"
    words = [sys.executable, "-c", KILLED, str(clip), str(place), when]
    process = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert not place.exists()
    run_video(plans.plan(clip, place), QUIET)
    assert place.read_bytes() == undisturbed
    assert [path.name for path in place.parent.iterdir()] == ["large.mp4"]


def test_other_options_do_not_go_on_with_it(clip, plans, tmp_path):
    place = tmp_path / "a.mp4"
    with pytest.raises(KeyboardInterrupt):
        run_video(plans.plan(clip, place, plans.Engine(fails_at=6 * TILES)), QUIET)
    with pytest.raises(InputError, match="other options"):
        run_video(plans.plan(clip, place, crf=30), QUIET)
    assert run_video(plans.plan(clip, place, crf=30, force=True), QUIET).computed == 10


def test_a_still_camera_is_computed_once(clips, plans, tmp_path):
    """Rows that do not change are used again; the output is bit for bit that of computing everything."""
    source = clips.write(tmp_path / "a.mkv", clips.moving(8, 40, 32, still=20), codec="ffv1", options={})
    engine, every = plans.Engine(), plans.Engine()
    done = run_video(plans.plan(source, tmp_path / "b.mkv", engine, codec="ffv1"), QUIET)
    assert done.reuse.exact == 6 * 3 and done.reuse.tiles == 8 * 9 and engine.runs == 8 * 9 - 18
    plan = plans.plan(source, tmp_path / "c.mkv", every, codec="ffv1", every=1)  # a segment remembers nothing
    assert run_video(plan, QUIET).reuse.exact == 0 and every.runs == 8 * 9
    assert clips.samples(tmp_path / "b.mkv") == clips.samples(tmp_path / "c.mkv")


def test_the_same_frame_again_costs_nothing(clips, plans, tmp_path):
    [picture] = clips.moving(1, 24, 32)
    source = clips.write(tmp_path / "a.mkv", [picture] * 6, codec="ffv1", options={})
    engine = plans.Engine()
    done = run_video(plans.plan(source, tmp_path / "b.mkv", engine, every=6), QUIET)
    assert engine.runs == TILES and done.reuse.exact == 5 * TILES
    assert len({bytes(samples) for samples in clips.samples(tmp_path / "b.mkv")}) >= 1
    assert len(clips.decoded(tmp_path / "b.mkv")) == 6


@pytest.mark.parametrize("shown", [(1, 3, 1, 2), (5, 1), (1, 1, 6), (2, 2, 2, 1, 1)])
def test_frames_shown_again_are_where_they_belong(clips, plans, tmp_path, shown):
    """Each picture of `shown` comes so often; segments of four frames begin anywhere among them."""
    pictures = clips.moving(len(shown), 24, 32)
    frames = [picture for picture, times in zip(pictures, shown, strict=True) for _ in range(times)]
    source = clips.write(tmp_path / "a.mkv", frames, codec="ffv1", options={})
    done = run_video(plans.plan(source, tmp_path / "b.mkv", codec="ffv1"), QUIET)
    run_video(plans.plan(source, tmp_path / "c.mkv", codec="ffv1", every=1), QUIET)  # remembers nothing
    assert done.frames == len(frames) and done.reuse.exact > 0
    assert clips.samples(tmp_path / "b.mkv") == clips.samples(tmp_path / "c.mkv")


def test_nearly_equal_tiles_are_used_again_and_their_cost_is_said(clips, plans, tmp_path):
    rng = np.random.default_rng(0)
    [picture] = clips.moving(1, 24, 32)
    noisy = [np.clip(picture + rng.normal(0, 0.004, picture.shape), 0, 1).astype(np.float32) for _ in range(6)]
    source = clips.write(tmp_path / "a.mkv", noisy, codec="ffv1", options={})
    done = run_video(plans.plan(source, tmp_path / "b.mkv", codec="ffv1", reuse=38.0, every=6), QUIET)
    assert done.reuse.near > 20 and done.facts()["video"]["reuse"]["sampled_tiles"] >= 1
    assert 0 < done.facts()["video"]["reuse"]["worst_difference_of_255"] < 15
    assert run_video(plans.plan(source, tmp_path / "c.mkv", codec="ffv1"), QUIET).reuse.near == 0


def test_a_part_without_frames_is_said(clip, plans, tmp_path):
    with pytest.raises(InputError, match="no frame"):
        run_video(plans.plan(clip, tmp_path / "a.mp4", start="99"), QUIET)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_an_encoder_that_fails_leaves_no_file(clip, plans, tmp_path, monkeypatch):
    def full(self, number, packets):
        raise InputError("no space left")

    monkeypatch.setattr("runtimes.upscale.video.segments.Workplace.write", full)
    with pytest.raises(InputError, match="no space left"):
        run_video(plans.plan(clip, tmp_path / "a.mp4"), QUIET)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_the_work_left_behind_is_said(clip, plans, tmp_path, capsys):
    plan = plans.plan(clip, tmp_path / "a.mp4", plans.Engine(fails_at=6 * TILES))
    with pytest.raises(KeyboardInterrupt):
        run_video(plan, Voice())
    assert "kept 4 finished frames in" in capsys.readouterr().err
    run_video(replace(plan, runner=plans.Engine().runner()), Voice())
    assert "going on after 1 finished segments" in capsys.readouterr().err


def test_every_stage_is_timed(clip, plans, tmp_path):
    clock = StageClock()
    run_video(plans.plan(clip, tmp_path / "a.mp4"), QUIET, clock)
    assert tuple(clock.busy_ms()) == tuple(stage for stage in STAGES if stage != "copies")
    assert clock.beside_engine_ms() <= clock.span_ms()
