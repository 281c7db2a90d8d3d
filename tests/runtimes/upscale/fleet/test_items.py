from __future__ import annotations

import pytest

from dlgsanet.errors import InputError
from runtimes.upscale.fleet.items import FleetItem, list_items, missing
from runtimes.upscale.fleet.store import StoredFile


def names(*found: str, form: str | None = None) -> dict[str, str]:
    return {item.source: item.target for item in list_items([StoredFile(name, 1) for name in found], "/in", form, 4)}


def test_results_are_named_as_upscale_names_them() -> None:
    assert names("a.jpg", "sub/deep/b.PNG", "c.txt", "clip.MP4") == {
        "a.jpg": "a_x4.png",
        "sub/deep/b.PNG": "sub/deep/b_x4.png",
        "clip.MP4": "clip_x4.mp4",
    }
    assert names("a.png", form="jpg") == {"a.png": "a_x4.jpg"}


def test_two_that_differ_in_their_suffix_keep_it() -> None:
    assert names("a.jpg", "a.png") == {"a.jpg": "a.jpg_x4.png", "a.png": "a.png_x4.png"}


def test_names_that_are_one_somewhere_are_refused() -> None:
    with pytest.raises(InputError, match="would both become"):
        names("s/A.jpg.png", "S/a.jpg.png")


def test_a_store_that_is_one_file() -> None:
    assert list_items([StoredFile("", 7)], "s3://bucket/x/a.jpg", None, 2) == [FleetItem("", "a_x2.png", 7)]


def test_nothing_to_do_is_said() -> None:
    with pytest.raises(InputError, match="found none"):
        list_items([StoredFile("a.txt", 1)], "/in", None, 4)


def test_what_is_there_is_not_missing() -> None:
    items = [FleetItem("a.png", "a_x4.png", 1), FleetItem("b.png", "b_x4.png", 1)]
    assert missing(items, [StoredFile("a_x4.png", 5)]) == items[1:]
