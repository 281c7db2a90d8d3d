from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.subjects.datasets import (
    GIVEN_LR,
    MADE_LR,
    PHOTOGRAPHS,
    open_folder,
    open_photographs,
)
from dlgsanet.errors import ExitCode, InputError
from dlgsanet.imaging.resize import downscale_matlab8


def save(path: Path, height: int, width: int, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """HR/ and LRbicx4/ of two images, one with the suffix x4."""
    for seed, (name, low) in enumerate((("a", "a"), ("b", "bx4"))):
        save(tmp_path / "Set2" / "HR" / f"{name}.png", 34, 41, seed)
        save(tmp_path / "Set2" / "LRbicx4" / f"{low}.png", 8, 10, seed)
    return tmp_path / "Set2"


def test_a_folder_of_hr_gets_its_lr_made(tmp_path: Path) -> None:
    save(tmp_path / "own" / "b.png", 33, 41, 1)
    save(tmp_path / "own" / "a.png", 21, 30, 2)
    found = open_folder(tmp_path / "own", 4)
    assert (found.name, found.lr_source, [item.name for item in found.items]) == ("own", MADE_LR, ["a", "b"])
    samples = list(found.samples())
    assert samples[1].hr.shape == (32, 40, 3)
    assert np.array_equal(samples[1].lr, downscale_matlab8(samples[1].hr, 4))


def test_given_lr_is_taken_by_name_with_or_without_the_suffix(pairs: Path) -> None:
    found = open_folder(pairs, 4)
    assert (found.name, found.lr_source) == ("Set2", GIVEN_LR)
    assert [item.lr.name for item in found.items if item.lr] == ["a.png", "bx4.png"]
    assert open_folder(pairs, 2).lr_source == MADE_LR  # no LRbicx2 there
    assert open_folder(pairs / "HR", 4).name == "Set2"


def test_the_hash_follows_content_and_neither_names_nor_places(pairs: Path, tmp_path: Path) -> None:
    before = open_folder(pairs / "HR", 4).sha256
    (pairs / "HR" / "a.png").rename(pairs / "HR" / "z.png")
    renamed = (pairs / "HR").rename(tmp_path / "elsewhere")
    assert open_folder(renamed, 4).sha256 == before
    save(renamed / "b.png", 34, 41, seed=99)
    assert open_folder(renamed, 4).sha256 != before


def test_given_and_made_lr_are_different_data(pairs: Path) -> None:
    assert open_folder(pairs, 4).sha256 != open_folder(pairs / "HR", 4).sha256


def test_hr_without_lr_is_named(pairs: Path) -> None:
    save(pairs / "HR" / "lonely.png", 40, 40)
    with pytest.raises(InputError, match=r"no LR for .*lonely\.png"):
        open_folder(pairs, 4)


def test_lr_without_hr_is_named(pairs: Path) -> None:
    save(pairs / "LRbicx4" / "stray.png", 8, 8)
    with pytest.raises(InputError, match=r"stray\.png has no image called stray"):
        open_folder(pairs, 4)


def test_two_lr_for_one_hr_are_refused(pairs: Path) -> None:
    save(pairs / "LRbicx4" / "ax4.png", 8, 10)
    with pytest.raises(InputError, match="both belong to a"):
        open_folder(pairs, 4)


def test_an_lr_of_another_size_is_found_before_any_work(pairs: Path) -> None:
    save(pairs / "LRbicx4" / "bx4.png", 8, 11)
    with pytest.raises(InputError, match=r"expected 10x8 pixels in .*bx4\.png .* found 11x8") as caught:
        open_folder(pairs, 4)
    assert caught.value.exit_code == ExitCode.USAGE


def test_a_truncated_image_is_found_before_any_work(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 40, 40)
    whole = save(tmp_path / "z.png", 40, 40).read_bytes()
    (tmp_path / "z.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"z\.png"):
        open_folder(tmp_path, 4)


@pytest.mark.parametrize(("height", "words"), [(3, r"at least 20x20 .*a\.png"), (19, r"at least 20x20 .*a\.png")])
def test_an_image_too_small_to_be_judged_is_refused(tmp_path: Path, height: int, words: str) -> None:
    save(tmp_path / "a.png", height, 40)
    with pytest.raises(InputError, match=words):
        open_folder(tmp_path, 4)


def test_two_images_of_one_name_are_refused_where_one_lr_is_given(tmp_path: Path) -> None:
    save(tmp_path / "HR" / "a.png", 40, 40)
    save(tmp_path / "HR" / "a.jpg", 40, 40)
    assert [item.name for item in open_folder(tmp_path, 4).items] == ["a.jpg", "a.png"]
    save(tmp_path / "LRbicx4" / "a.png", 10, 10)
    with pytest.raises(InputError, match="two images are called a"):
        open_folder(tmp_path, 4)


@pytest.mark.parametrize("made", [True, False])
def test_an_empty_or_missing_folder_is_refused(tmp_path: Path, made: bool) -> None:
    if made:
        (tmp_path / "data").mkdir()
    with pytest.raises(InputError, match=r"found (none|nothing)"):
        open_folder(tmp_path / "data", 4)


def test_the_photographs_are_there_with_their_terms() -> None:
    pytest.importorskip("skimage")
    found = open_photographs(4)
    assert [item.name for item in found.items] == ["astronaut", "chelsea", "motorcycle_left"]
    assert all(photo.terms in found.terms for photo in PHOTOGRAPHS)
    assert [sample.lr.shape for sample in found.samples()] == [(128, 128, 3), (75, 112, 3), (125, 185, 3)]


def test_the_published_sets_open(data_dir: Path) -> None:
    found = open_folder(data_dir / "bench" / "Set5", 4)
    assert (found.name, len(found.items), found.lr_source) == ("Set5", 5, GIVEN_LR)
    made = open_folder(data_dir / "bench" / "Set5" / "HR", 4)
    for given, own in zip(found.samples(), made.samples(), strict=True):
        assert np.array_equal(given.lr, own.lr)


def test_files_of_other_formats_are_noted_and_hidden_ones_are_none(tmp_path: Path) -> None:
    save(tmp_path / "own" / "a.png", 34, 41)
    for name in ("b.psd", "._a.png"):
        (tmp_path / "own" / name).write_bytes(b"not for us")
    found = open_folder(tmp_path / "own", 4)
    assert [item.name for item in found.items] == ["a"]
    assert found.notes == (f"{tmp_path / 'own'}: 1 in formats that are not read: b.psd",)
