"""Everything that can be refused is, before the first picture is computed."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

from dlgsanet.__main__ import main
from dlgsanet.errors import InputError
from runtimes.upscale.video.plan import name_target, parse_time


def test_times_are_read_exactly():
    assert parse_time("90", "--start") == 90 and parse_time("1:30", "--start") == 90
    assert parse_time("1:02:03.5", "--start") == Fraction(7447, 2) and parse_time(None, "--start") is None
    for text in ("", "-1", "1:2:3:4", "1e3", "nan", "1,5"):
        with pytest.raises(InputError, match="--start"):
            parse_time(text, "--start")


def test_the_target_is_a_file_or_in_a_folder(clip, tmp_path):
    assert name_target(clip, tmp_path / "a.MKV", 4, False) == tmp_path / "a.MKV"
    assert name_target(clip, tmp_path, 4, False) == tmp_path / "clip_x4.mp4"
    assert name_target(tmp_path / "old.avi", tmp_path / "new", 4, False) == tmp_path / "new" / "old_x4.mkv"


def test_targets_that_cannot_be(clip, tmp_path):
    (tmp_path / "there.mp4").write_bytes(b"")
    (tmp_path / "folder.mp4").mkdir()
    for name, words in (("clip.mp4", "is the input"), ("there.mp4", "--force"), ("a.gif", "expected -o")):
        with pytest.raises(InputError, match=words):
            name_target(clip, tmp_path / name, 2, False)
    assert name_target(clip, tmp_path / "there.mp4", 2, True) == tmp_path / "there.mp4"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"duration": "0"}, "above 0"),
        ({"reuse": 5.0}, "at least 20 dB"),
        ({"codec": "ffv1"}, "does not go into"),
        ({"crf": 99}, "from 0 to 51"),
        ({"start": "soon"}, "--start"),
    ],
)
def test_options_that_cannot_be(clip, plans, tmp_path, options, words):
    with pytest.raises(InputError, match=words):
        plans.plan(clip, tmp_path / "new" / "a.mp4", **options)
    assert not (tmp_path / "new").exists()


def test_a_container_that_does_not_take_the_sound(clip, plans, tmp_path):
    with pytest.raises(InputError, match=r"audio stream 1 \(aac\) does not go into \.webm"):
        plans.plan(clip, tmp_path / "a.webm")


def test_frames_that_do_not_fit_into_memory(clip, plans, tmp_path, monkeypatch):
    monkeypatch.setattr("runtimes.upscale.video.plan.available_bytes", lambda: 1000)
    with pytest.raises(InputError, match="MiB are free"):
        plans.plan(clip, tmp_path / "a.mp4")


def upscale(capsys, *words: object) -> tuple[int, str, str]:
    code = main(["upscale", *map(str, words)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_whole_command(clip, clips, bundle, tmp_path, capsys):
    place = tmp_path / "large.mp4"
    words = (clip, "-o", place, "--bundle", bundle, "--artifact", "onnxruntime-fp32-16x24", "--overlap", "4", "--json")
    code, out, err = upscale(capsys, *words)
    assert code == 0, err
    facts = json.loads(out)["video"]
    assert facts["frames"] == facts["computed"] == 10 and facts["target"] == str(place)
    assert [frame.pts for frame in clips.decoded(place)] == clips.unevenly(10)
    code, _, err = upscale(capsys, *words)
    assert code == 2 and "exists already" in err


def test_videos_ask_for_several_tiles_at_once(clip, bundle, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("runtimes.upscale.choice.open_runner", lambda *words, **options: asked.append(options))
    main(
        ["upscale", str(clip), "-o", str(tmp_path / "a.mp4"), "--bundle", str(bundle), "--artifact", "onnxruntime-fp32"]
    )
    assert [options["streams"] for options in asked] == [2]


def test_pictures_take_no_options_of_videos(bundle, tmp_path, capsys, clip):
    import numpy as np

    from dlgsanet.imaging.files import write_picture

    write_picture(tmp_path / "a.png", np.zeros((8, 8, 3)))
    base = ("-o", tmp_path / "out", "--bundle", bundle)
    code, _, err = upscale(capsys, tmp_path / "a.png", *base, "--crf", "3", "--skip-damaged")
    assert code == 2 and "--crf and --skip-damaged" in err
    code, _, err = upscale(capsys, clip, tmp_path / "a.png", *base)
    assert code == 2 and "one video at a time" in err


def test_a_broken_video_is_exit_2(clip, bundle, tmp_path, capsys):
    clip.write_bytes(clip.read_bytes()[:300])
    code, out, err = upscale(capsys, clip, "-o", tmp_path / "a.mp4", "--bundle", bundle)
    assert (code, out) == (2, "") and err.count("\n") == 1
