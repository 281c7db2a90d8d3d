"""What goes along unchanged: sound, subtitles, chapters, titles, how the picture is turned, and every time."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from dlgsanet.command_line.voice import Voice
from runtimes.upscale.video.colour import Colour
from runtimes.upscale.video.run import run_video

av = pytest.importorskip("av")
QUIET = Voice(quiet=True)


def test_sound_times_titles_and_chapters(clip, clips, plans, tmp_path):
    place = tmp_path / "large.mp4"
    run_video(plans.plan(clip, place), QUIET)
    assert clips.packets(place, "audio") == clips.packets(clip, "audio")
    with av.open(str(clip)) as before, av.open(str(place)) as after:
        assert after.chapters() == before.chapters() and after.metadata["title"] == "A walk"
        assert after.streams.audio[0].metadata["language"] == "deu"
        assert after.streams.video[0].time_base == before.streams.video[0].time_base
        video = after.streams.video[0]
        assert video.duration == clips.unevenly(10)[-1] + 512  # the last frame is shown as long as it was
    assert [frame.pts for frame in clips.decoded(place)] == clips.unevenly(10)


def test_a_picture_that_is_turned_stays_turned(clips, plans, tmp_path):
    source = clips.write(tmp_path / "a.mp4", clips.moving(3, 24, 32), turned=270)
    run_video(plans.plan(source, tmp_path / "b.mp4"), QUIET)
    [frame, *_] = clips.decoded(tmp_path / "b.mp4")
    assert frame.rotation == clips.decoded(source)[0].rotation != 0 and (frame.width, frame.height) == (64, 48)


@pytest.mark.parametrize(
    ("pixels", "colour", "codec"),
    [
        ("yuv420p", Colour(1, 1, 1, True), "h264"),
        ("yuv420p10le", Colour(9, 9, 16, False), "h265"),
        ("yuv422p", Colour(5, 5, 6, False), "h264"),
        ("yuv420p10le", Colour(1, 1, 1, False), "av1"),
    ],
)
def test_colours_and_depth_go_along(clips, plans, tmp_path, pixels, colour, codec):
    source = clips.write(tmp_path / "a.mp4", clips.moving(3, 64, 64), pixels=pixels, colour=colour)
    run_video(plans.plan(source, tmp_path / "b.mp4", codec=codec), QUIET)
    [frame, *_] = clips.decoded(tmp_path / "b.mp4")
    tags = (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range)
    assert tags == (colour.matrix, colour.primaries, colour.transfer, 2 if colour.full else 1)
    assert frame.format.name.replace("yuvj", "yuv") == pixels


def test_a_part_of_everything(clip, clips, plans, tmp_path):
    times = clips.unevenly(10)
    first = Fraction(times[4], 12800)
    place = tmp_path / "large.mp4"
    run_video(plans.plan(clip, place, start=f"{float(first):.2f}", duration="0.2"), QUIET)
    assert [frame.pts for frame in clips.decoded(place)] == [time - times[4] for time in times[4:6]]
    kept = [data for time, data in clips.packets(clip, "audio") if first <= time < first + Fraction(1, 5)]
    assert [data for _, data in clips.packets(place, "audio")] == kept != []
    with av.open(str(place)) as found:
        assert [chapter["metadata"]["title"] for chapter in found.chapters()] == ["two"]


def test_subtitles_and_attachments_of_matroska(clip, clips, plans, tmp_path):
    source = tmp_path / "a.mkv"
    with av.open(str(clip)) as before, av.open(str(source), "w") as after:
        copies = [after.add_stream_from_template(stream, opaque=True) for stream in (before.streams.video[0],)]
        text = after.add_mux_stream("subrip")
        after.add_attachment("font.ttf", "font/ttf", b"glyphs")
        for packet in before.demux(video=0):
            if packet.size:
                packet.stream = copies[0]
                after.mux(packet)
        line = av.Packet(b"Good morning")
        line.stream, line.time_base, line.pts, line.dts, line.duration = text, Fraction(1, 1000), 100, 100, 400
        after.mux(line)
    run_video(plans.plan(source, tmp_path / "b.mkv"), QUIET)
    assert clips.packets(tmp_path / "b.mkv", "subtitle") == [(Fraction(1, 10), b"Good morning")]
    with av.open(str(tmp_path / "b.mkv")) as found:
        [font] = [stream for stream in found.streams if stream.type == "attachment"]
        assert bytes(font.data) == b"glyphs" and font.metadata["filename"] == "font.ttf"


@pytest.mark.parametrize("codec", ["h264", "h265", "vp9", "ffv1"])
def test_segments_play_as_one(clips, plans, tmp_path, codec):
    """Frames cut into segments and joined decode to what each segment was, in order, none lost."""
    source = clips.write(tmp_path / "a.mp4", clips.moving(14, 64, 64))
    plan = plans.plan(source, tmp_path / "b.mkv", codec=codec, every=5)
    run_video(plan, QUIET)
    found = clips.decoded(tmp_path / "b.mkv")
    assert len(found) == 14
    keys = [index for index, frame in enumerate(found) if frame.key_frame]
    assert keys[:3] == [0, 5, 10] or codec == "ffv1"
    whole = replace(plan, coding=replace(plan.coding, key_every=14), target=tmp_path / "c.mkv")
    run_video(whole, QUIET)
    for one, other in zip(found, clips.decoded(tmp_path / "c.mkv"), strict=True):
        assert abs(one.to_ndarray(format="gray").astype(int) - other.to_ndarray(format="gray")).mean() < 4
