"""The memory-mapped store: right pixels, prepared once, what it cannot use is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dlgsanet.errors import InputError
from dlgsanet.imaging.files import write_picture
from dlgsanet.imaging.limits import at_most
from dlgsanet.imaging.resize import downscale_matlab8
from dlgsanet.training.data.pixel_store import PatchStore, open_store


def store(photographs: Path, tmp_path: Path) -> PatchStore:
    return open_store(photographs, 4, tmp_path / "cache")


def test_pixels_are_kept_and_the_unusable_named(photographs: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    first = open_store(photographs, 4, tmp_path / "cache", lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [image.name for image in first.images] == ["p0.png", "p1.png", "p2.png"]
    assert len(first.skipped) == 1 and first.skipped[0].startswith("broken.png")
    for image in first.images:
        lr, hr = first.views(image)
        assert hr.shape == (image.height * 4, image.width * 4, 3)
        assert np.array_equal(lr, downscale_matlab8(np.array(hr), 4))
    again = store(photographs, tmp_path)
    assert len(list((tmp_path / "cache").iterdir())) == 1 and again.images == first.images


def test_other_formats_are_named_and_another_bound_is_another_store(photographs: Path, tmp_path: Path) -> None:
    (photographs / "p3.jxl").touch()
    assert store(photographs, tmp_path).skipped[1:] == ("p3.jxl: its format is not read",)
    with at_most(0.005):
        small = store(photographs, tmp_path)
    assert [image.name for image in small.images] == ["p1.png"]
    assert "at most 0.005 megapixels" in small.skipped[1]


def test_changed_folders_are_prepared_anew(photographs: Path, tmp_path: Path) -> None:
    store(photographs, tmp_path)
    write_picture(photographs / "p9.png", np.zeros((64, 64, 3), np.uint8))
    assert len(store(photographs, tmp_path).images) == 4


def test_given_lr_images_are_used_and_their_change_is_seen(photographs: Path, tmp_path: Path) -> None:
    partners = tmp_path / "lr"
    write_picture(partners / "p1x4.png", np.full((16, 16, 3), 7, np.uint8))
    paired = open_store(photographs, 4, tmp_path / "cache", lr_folder=partners)
    assert [image.name for image in paired.images] == ["p1.png"] and len(paired.skipped) == 3
    assert paired.views(paired.images[0])[0].max() == 7
    write_picture(partners / "p1x4.png", np.full((16, 16, 3), 99, np.uint8))
    again = open_store(photographs, 4, tmp_path / "cache", lr_folder=partners)
    assert again.views(again.images[0])[0].max() == 99


@pytest.mark.parametrize("content", [None, [], ["broken.png"]])
def test_missing_empty_and_useless_folders(tmp_path: Path, content: list[str] | None) -> None:
    if content is not None:
        (tmp_path / "none").mkdir()
        for name in content:
            (tmp_path / "none" / name).write_bytes(b"\x89PNG")
    with pytest.raises(InputError):
        open_store(tmp_path / "none", 4, tmp_path / "cache")
    assert not (tmp_path / "cache").exists() or not list((tmp_path / "cache").iterdir())


def test_two_processes_that_prepare_the_same_both_go_on(photographs: Path, tmp_path: Path) -> None:
    def other(done: int, total: int) -> None:
        if done == 1:
            store(photographs, tmp_path)  # it is faster

    slower = open_store(photographs, 4, tmp_path / "cache", other)
    assert slower.images == store(photographs, tmp_path).images
    assert len(list((tmp_path / "cache").iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("index.json", b"{"),
        ("index.json", b"[" * 100_000),
        ("index.json", b'{"images": [["a", 1, 1, 0]], "skipped": []}'),
        ("index.json", b'{"images": [["a", 1, 1, -1, 0]], "skipped": []}'),
        ("lr.u8", b""),
        ("hr.u8", b"short"),
    ],
)
def test_a_damaged_store_is_said_in_one_line(photographs: Path, tmp_path: Path, name: str, content: bytes) -> None:
    store(photographs, tmp_path)
    (made,) = (tmp_path / "cache").iterdir()
    (made / name).write_bytes(content)
    with pytest.raises(InputError, match=r"remove .* made again"):
        store(photographs, tmp_path)
