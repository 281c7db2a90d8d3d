"""What is found in a file, and what is refused before anything is computed."""

from __future__ import annotations

import sys
from fractions import Fraction

import pytest

from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.imaging.limits import at_most
from runtimes.upscale.video.colour import Colour
from runtimes.upscale.video.probe import probe


def test_what_is_in_a_clip(clip, clips):
    found = probe(clip)
    assert (found.demuxer, found.height, found.width, found.layout.name) == ("mov", 24, 32, "yuv420p")
    assert found.colour == Colour(6, 6, 6, False) and found.time_base == clips.base
    assert (found.frames, found.begin, found.copied, found.left_out) == (10, 0, (1,), ())
    assert found.about(Fraction(0), None) == 10
    assert 1 <= found.about(Fraction(1, 4), Fraction(1, 4)) < 10


@pytest.mark.parametrize(
    ("pixels", "colour"),
    [
        ("yuv420p", Colour(1, 1, 1, True)),
        ("yuv420p10le", Colour(9, 9, 16, False)),
        ("yuv444p", Colour(5, 5, 6, False)),
    ],
)
def test_colours_as_they_are_tagged(clips, tmp_path, pixels, colour):
    found = probe(clips.write(tmp_path / "a.mp4", clips.moving(2, 24, 32), pixels=pixels, colour=colour))
    assert found.colour == colour and found.layout.name == pixels


def test_untold_colours_are_said_to_be_assumed(clips, tmp_path):
    found = probe(clips.write(tmp_path / "a.mkv", clips.moving(2, 24, 32), colour=None, codec="ffv1", options={}))
    assert found.colour == Colour(6, 6, 6, False, assumed=True)


def test_how_the_picture_is_turned(clips, tmp_path):
    found = probe(clips.write(tmp_path / "a.mp4", clips.moving(2, 24, 32), turned=90))
    assert found.matrix is not None and found.matrix[:2] == (0, -65536)


@pytest.mark.parametrize("make", ["text", "cut", "sound", "header"])
def test_wrong_files_are_one_line(clip, tmp_path, make):
    data = clip.read_bytes()
    place = tmp_path / "wrong.mp4"
    contents = {"text": b"no video at all", "cut": data[:200], "header": data[:40] + bytes(2000)}
    if make == "sound":
        _sound_only(clip, place)
    else:
        place.write_bytes(contents[make])
    with pytest.raises(InputError) as caught:
        probe(place)
    assert "\n" not in str(caught.value) and "wrong.mp4" in str(caught.value)


def _sound_only(source, place):
    import av

    with av.open(str(source)) as clip, av.open(str(place), "w") as sound:
        copy = sound.add_stream_from_template(clip.streams.audio[0])
        for packet in clip.demux(audio=0):
            if packet.size:
                packet.stream = copy
                sound.mux(packet)


def test_pixels_of_another_kind_are_refused(clips, tmp_path):
    import av

    place = tmp_path / "a.mkv"
    with av.open(str(place), "w") as container:
        stream = container.add_stream("ffv1", 25)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "gbrp10le"
        container.mux([*stream.encode(av.VideoFrame(32, 24, "gbrp10le")), *stream.encode(None)])
    with pytest.raises(InputError, match="gbrp10le"):
        probe(place)


def test_interlaced_pictures_are_refused(clips, tmp_path):
    place = clips.write(tmp_path / "a.mp4", clips.moving(2, 64, 64), options={"x264-params": "interlaced=1"})
    with pytest.raises(InputError, match="interlaced"):
        probe(place)


def test_frames_beyond_the_bound_are_refused(clip):
    with at_most(0.0007), pytest.raises(InputError, match=r"at most 0\.0007 megapixels, found 32x24 pixels"):
        probe(clip)


def test_without_the_library_the_extra_is_named(clip, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UnavailableError, match=r"dlgsanet-edge\[video\]"):
        probe(clip)
