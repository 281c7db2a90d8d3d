from __future__ import annotations

import pytest

from dlgsanet.errors import InputError
from runtimes.upscale.fleet.items import BYTES_OF_A_PIECE, FleetItem, cut, item_of, list_items, missing
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


def test_films_are_cut_and_lie_among_the_pictures() -> None:
    pictures = [FleetItem(f"{i}.png", f"{i}_x4.png", 9 * BYTES_OF_A_PIECE) for i in range(30)]
    found = cut([*pictures, FleetItem("a.mkv", "a_x4.mkv", 3 * BYTES_OF_A_PIECE)], 2)
    places = [i for i, item in enumerate(found) if item.source == "a.mkv"]
    assert len(found) == 33 and places == [0, 11, 22] and [found[i].piece for i in places] == [0, 1, 2]
    assert [item for item in found if item.source != "a.mkv"] == pictures
    assert len({item.key for item in found}) == 33 and item_of(found[11].row()).key == found[11].key


def test_pieces_are_no_more_than_actors_and_bytes_want() -> None:
    def pieces(size: int, at_once: int) -> int:
        return len(cut([FleetItem("a.mkv", "a_x4.mkv", size)], at_once))

    assert (pieces(0, 2), pieces(1, 2), pieces(BYTES_OF_A_PIECE + 1, 2), pieces(10**9, 2)) == (1, 1, 2, 8)
