"""The worst images of an artifact: which are kept, where they are cut, and what their colours mean."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.accuracy.error_maps import STOPS, WORST, WorstImages, gradient, indices, palette
from benchmarks.accuracy.verdicts import Conditions
from benchmarks.records.accuracy import ImageRow
from benchmarks.subjects.datasets import Dataset, Item, Sample
from benchmarks.subjects.subject import Origin, Subject
from runtimes.runner.tiling import Tile

E: Any = {"role": "artifact", "backend": "a"}


class _Reference:
    overlap = 4
    description = "fake"


def context() -> Conditions:
    return Conditions(Dataset("set", 2, (), "given", "CC0", "0" * 64), _Reference(), Origin("m", "e" * 64, 2), None)  # type: ignore[arg-type]


def see(worst: WorstImages, name: str, db: float, at: tuple[int, int] = (100, 120), levels: float = 8.0) -> None:
    """An image of 200 x 240 whose output is wrong in 20 x 20 pixels."""
    reference = np.full((1, 3, 200, 240), 0.5, np.float32)
    sr = reference.copy()
    sr[0, 1, at[0] : at[0] + 20, at[1] : at[1] + 20] += levels / 255
    zeros = np.zeros((200, 240, 3), np.uint8)
    row = ImageRow(name, 30.0, 0.9, 0.01, 0.0, db, identical=False)
    worst.see(Sample(Item(name, Path("a.png")), zeros, zeros[::2, ::2]), row, sr, reference, 2)


def decoded(text: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB"))


def test_the_worst_images_are_kept_the_worst_first() -> None:
    worst = WorstImages()
    for index, db in enumerate((50, 44, 60, 41, 47, 55, 43, 58)):
        see(worst, f"i{index}", db)
    tile: Tile = (8, 8)
    maps = worst.maps(Subject("a-int8-8x8", "int8", tile, None, **E), context())  # type: ignore[arg-type]
    assert [it.to_reference_db for it in maps] == [41, 43, 44, 47, 50] and len(maps) == WORST
    assert maps[0].image == "i3" and maps[0].dataset == "set" and maps[0].model_sha256 == "e" * 64


def test_a_map_shows_the_error_in_its_place_and_size() -> None:
    worst = WorstImages()
    see(worst, "a", 40.0, at=(150, 30), levels=8.0)
    (found,) = worst.maps(Subject("a-int8-8x8", "int8", (8, 8), None, **E), context())  # type: ignore[arg-type]
    top, left, height, width = found.box
    assert top <= 150 and top + height >= 170 and left <= 30 and left + width >= 50
    assert found.full_scale == 10.0  # the next round number above 8 levels
    error = decoded(found.error)
    assert tuple(error[0, 0]) in ((0, 0, 4), tuple(palette()[204]))
    assert tuple(error[155 - top, 35 - left]) == tuple(palette()[204])  # 8 of 10 levels: 204 of 255
    assert decoded(found.picture)[155 - top, 35 - left, 1] - decoded(found.reference)[155 - top, 35 - left, 1] == 8


def test_identical_outputs_have_no_map() -> None:
    worst = WorstImages()
    same = np.zeros((1, 3, 100, 100), np.float32)
    picture = np.zeros((100, 100, 3), np.uint8)
    row = ImageRow("a", 30.0, 0.9, 0.0, 0.0, None, identical=True)
    worst.see(Sample(Item("a", Path("a.png")), picture, picture), row, same, same, 2)
    assert worst.maps(Subject("a", "int8", (8, 8), None, **E), context()) == []  # type: ignore[arg-type]


def test_colours_get_brighter_and_beyond_the_scale_is_the_last() -> None:
    colours = palette().astype(int)
    assert tuple(colours[0]) == STOPS[0] and tuple(colours[-1]) == STOPS[-1]
    assert np.all(np.diff(colours @ [0.299, 0.587, 0.114]) > -0.6)  # rounding apart
    assert indices(np.float32([0, 5, 10, 99]), 10.0).tolist() == [0, 128, 255, 255]
    assert gradient().startswith("rgb(0 0 4), ")


def test_what_is_no_picture_is_refused() -> None:
    from benchmarks.records.pictures import ErrorMap

    with pytest.raises(ValueError, match="the picture of an error map is not base64"):
        ErrorMap("a", "i", "d", "e" * 64, (0, 0, 8, 8), 40.0, 0.0, 10.0, "<script>", "", "", **E)
