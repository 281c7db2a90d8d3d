"""Frames in order with exact times; damage is said where it is."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from dlgsanet.errors import InputError
from runtimes.upscale.video.colour import Colour
from runtimes.upscale.video.decode import Part, read_frames
from runtimes.upscale.video.probe import probe


def frames(place, part=None, first=0, lenient=False, notes=None):
    notes = [] if notes is None else notes
    return list(read_frames(probe(place), part or Part(), first, lenient, notes.append))


def test_times_are_those_of_the_file(clip, clips):
    found = frames(clip)
    assert [frame.pts for frame in found] == clips.unevenly(10) and [frame.index for frame in found] == [*range(10)]
    assert all(frame.rgb.shape == (1, 3, 24, 32) and frame.rgb.dtype == np.float32 for frame in found)


@pytest.mark.parametrize("matrix", [1, 6])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("pixels", "most"), [("yuv420p", 2.5), ("yuv444p", 2.5), ("yuv420p10le", 1.0)])
def test_flat_colours_come_through_a_file(clips, tmp_path, pixels, full, matrix, most):
    """Coded without much loss, tagged, read by the tags: within levels of 255."""
    values = np.random.default_rng(1).random((4, 3)).astype(np.float32)
    patches = [np.tile(value[:, None, None], (1, 16, 16)) for value in values]
    colour = Colour(matrix, matrix, matrix, full)
    place = clips.write(tmp_path / "a.mp4", patches, pixels=pixels, colour=colour, options={"crf": "2"})
    for frame, patch in zip(frames(place), patches, strict=True):
        assert np.abs(frame.rgb[0] - patch).max() * 255 < most


def test_a_part_begins_at_its_start(clip, clips):
    times = clips.unevenly(10)
    found = frames(clip, Part(Fraction(times[3], 12800), Fraction(times[6] - times[3], 12800)))
    assert [frame.pts for frame in found] == [time - times[3] for time in times[3:6]]
    whole = frames(clip)
    assert all(np.array_equal(one.rgb, other.rgb) for one, other in zip(found, whole[3:6], strict=True))


def test_going_on_gives_the_same_frames(clip):
    whole, rest = frames(clip), frames(clip, first=7)
    assert [frame.index for frame in rest] == [7, 8, 9]
    assert all(np.array_equal(one.rgb, other.rgb) for one, other in zip(whole[7:], rest, strict=True))


@pytest.fixture
def damaged(clips, tmp_path):
    """A clip of single pictures, the fourth of them overwritten."""
    place = clips.write(tmp_path / "a.mp4", clips.moving(10, 48, 64), options={"crf": "12", "g": "1"})
    data = bytearray(place.read_bytes())
    _, packet = clips.packets(place, "video")[3]
    at = data.index(packet)
    data[at + 40 : at + 60] = bytes(20)
    place.write_bytes(data)
    return place


def test_damage_is_said_with_its_place(damaged):
    with pytest.raises(InputError, match=r"frame 3, at about 0\.08\d s.*--skip-damaged"):
        frames(damaged)


def test_damage_can_be_passed_over(damaged):
    notes = []
    assert len(frames(damaged, lenient=True, notes=notes)) == 10
    assert len(notes) == 1 and "frame 4" in notes[0] and "the picture is damaged" in notes[0]


def test_a_file_that_is_cut_off_is_no_shorter_video(clips, tmp_path):
    import av

    place = clips.write(tmp_path / "b.mp4", clips.moving(30, 48, 64), options={"crf": "1", "g": "5"})
    front = tmp_path / "front.mp4"
    with av.open(str(place)) as source, av.open(str(front), "w", container_options={"movflags": "faststart"}) as target:
        copy = target.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copy
                target.mux(packet)
    front.write_bytes(front.read_bytes()[: int(front.stat().st_size * 0.7)])
    with pytest.raises(InputError, match=r"frame \d|ends after"):
        frames(front)


def test_a_size_that_changes_is_said(clip):
    with pytest.raises(InputError, match="size changes from 64x24 to 32x24"):
        list(read_frames(replace(probe(clip), width=64), Part(), 0, True, print))
