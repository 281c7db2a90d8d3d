"""What fits together is known before anything is coded."""

from __future__ import annotations

import pytest

from dlgsanet.errors import InputError
from runtimes.upscale.video.codecs import CODECS, CONTAINERS, choose_codec, choose_crf, require_pixels
from runtimes.upscale.video.colour import LAYOUTS

av = pytest.importorskip("av")


def test_every_codec_is_there_and_goes_somewhere():
    names = {name for _, names in CONTAINERS.values() for name in names}
    assert names == set(CODECS)
    for codec in CODECS.values():
        formats = {one.name for one in av.Codec(codec.encoder, "w").video_formats}
        able = [layout.name for layout in set(LAYOUTS.values()) if _taken(codec, layout)]
        assert able and set(able) <= formats


def _taken(codec, layout) -> bool:
    return layout.bits in codec.depths and layout.name[3:6] in codec.chromas


def test_the_codec_meant():
    assert choose_codec(None, ".mp4").name == "h264" and choose_codec(None, ".webm").name == "av1"
    assert choose_codec("ffv1", ".mkv").crf is None
    for name, suffix, words in (
        ("ffv1", ".mp4", "does not go into"),
        ("h266", ".mp4", "did you mean"),
        (None, ".gif", "expected an output in"),
    ):
        with pytest.raises(InputError, match=words):
            choose_codec(name, suffix)


def test_the_quality_meant():
    assert choose_crf(CODECS["h264"], None) == 18 and choose_crf(CODECS["av1"], 63) == 63
    for name, crf in (("h264", 52), ("ffv1", 3)):
        with pytest.raises(InputError, match="--crf"):
            choose_crf(CODECS[name], crf)


def test_pixels_that_a_codec_does_not_take():
    require_pixels(CODECS["h264"], LAYOUTS["yuv420p"], 48, 64)
    for codec, pixels, words in (
        ("av1", "yuv444p", "h264 or h265 or vp9 or ffv1"),
        ("h264", "yuv420p12le", "h265 or ffv1"),
        ("vp9", "yuv420p10le", "h264"),
    ):
        with pytest.raises(InputError, match=words):
            require_pixels(CODECS[codec], LAYOUTS[pixels], 48, 64)
    with pytest.raises(InputError, match="even size"):
        require_pixels(CODECS["h264"], LAYOUTS["yuv420p"], 48, 63)
    require_pixels(CODECS["h264"], LAYOUTS["yuv444p"], 47, 63)
