"""A video is one by its content."""

from __future__ import annotations

import numpy as np
import pytest

from dlgsanet.imaging.files import write_picture
from runtimes.upscale.video.sniff import container_of, is_video


@pytest.mark.parametrize(
    ("suffix", "codec", "name"),
    [
        (".mp4", "libx264", "mov"),
        (".mov", "libx264", "mov"),
        (".mkv", "libx264", "matroska"),
        (".avi", "mpeg4", "avi"),
        (".flv", "flv", "flv"),
        (".ts", "libx264", "mpegts"),
        (".nut", "ffv1", "nut"),
    ],
)
def test_containers_whatever_they_are_called(clips, tmp_path, suffix, codec, name):
    place = clips.write(tmp_path / f"a{suffix}", codec=codec, colour=None, options={})
    renamed = place.rename(tmp_path / "picture.png")
    assert container_of(renamed) == name and is_video(renamed)


def test_pictures_texts_and_playlists_are_no_videos(tmp_path):
    write_picture(tmp_path / "a.png", np.zeros((4, 4, 3)))
    (tmp_path / "b.mp4").write_bytes(b"")
    (tmp_path / "c.mp4").write_text("#EXTM3U\nhttp://example.org/a.ts\n")
    (tmp_path / "d.avif").write_bytes(b"\0\0\0\x20ftypavif" + bytes(40))
    (tmp_path / "e.ts").write_bytes(b"\x47" + bytes(900))
    assert [path.name for path in sorted(tmp_path.iterdir()) if is_video(path)] == []
    assert not is_video(tmp_path) and not is_video(tmp_path / "nowhere.mp4")
