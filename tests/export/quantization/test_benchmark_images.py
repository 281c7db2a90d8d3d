"""Benchmark images among calibration ones are recognised by pixels and by the folder's name, and others are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dlgsanet.imaging.files import write_picture
from dlgsanet.imaging.pixel_hash import content_hash
from export.quantization import benchmark_images
from export.quantization.benchmark_images import KNOWN, benchmark_of_folder, benchmark_of_image, benchmarks_among
from export.quantization.calibration_tiles import calibration_set
from export.quantization.options import CalibrationOptions


def picture(height: int = 37, width: int = 50, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """A picture that is taken for one of Set5."""
    pixels = picture()
    digits = content_hash(np.ascontiguousarray(pixels[:36, :48]))[:12]
    monkeypatch.setitem(benchmark_images._SETS, digits, "Set5")
    return pixels


def test_every_image_of_the_sets_has_its_own_hash() -> None:
    hashes = {name: text.split() for name, text in KNOWN.items()}
    assert {name: len(found) for name, found in hashes.items()} == {"Set5": 5, "B100": 100}
    every = [digits for found in hashes.values() for digits in found]
    assert len(set(every)) == len(every) and all(len(digits) == 12 and int(digits, 16) >= 0 for digits in every)


def test_pixels_tell_and_a_copy_cut_for_x4_is_the_same_image(known: np.ndarray) -> None:
    assert benchmark_of_image(known) == benchmark_of_image(known[:36, :48]) == "Set5"
    assert benchmark_of_image(known[1:]) is None and benchmark_of_image(picture(seed=1)) is None
    assert benchmark_of_image(picture(5, 5)) is None


@pytest.mark.parametrize(
    ("folder", "found"),
    [
        ("data/Set5", "Set5"),
        ("data/set14/HR", "Set14"),
        ("Urban100_HR", "Urban100"),
        ("benchmark/Manga109/HR/x4", "Manga109"),
        ("BSDS100", "B100"),
        ("B100/GTmod12", "B100"),
        ("my/photographs", None),
        ("Set50", None),
        ("AB100", None),
    ],
)
def test_names_of_folders_tell(folder: str, found: str | None) -> None:
    assert benchmark_of_folder(folder) == found


def test_both_are_told_together(known: np.ndarray) -> None:
    assert benchmarks_among("data/Set14", [picture(seed=2), known]) == ("Set14", "Set5")
    assert benchmarks_among("", [picture(seed=2)]) == ()


def test_calibration_says_so(tmp_path: Path, known: np.ndarray) -> None:
    write_picture(tmp_path / "a.png", known)
    write_picture(tmp_path / "b.png", picture(seed=3))
    found = calibration_set(2, (12, 12), CalibrationOptions(str(tmp_path), tiles=10))
    assert found.benchmarks == ("Set5",)
    assert found.warnings == (
        "calibration images are of Set5: figures on Set5 are not held-out ones, give other photographs",
    )
