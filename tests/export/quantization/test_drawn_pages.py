"""Drawn pages: the same everywhere, unlike photographs, and a quarter of the default calibration tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dlgsanet.imaging.files import write_picture
from dlgsanet.imaging.pixel_hash import content_hash
from export.quantization import calibration_tiles
from export.quantization.drawn_pages import drawn_pages
from export.quantization.options import CalibrationOptions


def test_the_seed_alone_decides() -> None:
    first, other = drawn_pages(3, 96), drawn_pages(4, 96)
    drawn_pages.cache_clear()
    again = drawn_pages(3, 96)
    assert first is not again
    assert [content_hash(page) for page in first.values()] == [content_hash(page) for page in again.values()]
    assert all((first[name] != page).any() for name, page in other.items())


def test_pages_have_ink_on_paper() -> None:
    """Both are there in full, most is paper, and edges are soft by a pixel."""
    pages = drawn_pages(0, 256)
    assert all(page.shape == (256, 256, 3) and page.dtype == np.uint8 for page in pages.values())
    grey = pages["print"].mean(2)
    assert 0.5 < (grey == 255).mean() < 0.95 and (grey == 0).mean() > 0.02
    assert 0.01 < ((grey > 0) & (grey < 255)).mean() < 0.4
    assert pages["night"].mean() < 128 < pages["headlines"].mean()


def test_slides_and_charts_are_coloured() -> None:
    for name, page in drawn_pages(0, 256).items():
        saturated = (page.max(2) - page.min(2) > 200).mean()
        assert (saturated > 0.02) == name.startswith(("slide", "chart", "terminal")), name


def test_half_of_the_default_tiles_are_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their images are named, so that nobody evaluates on them, and a search is judged on pages, too."""
    pytest.importorskip("skimage")
    page = np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8)
    page[..., 0] = 0  # no photograph is without red
    monkeypatch.setattr(calibration_tiles, "drawn_pages", lambda seed: {"cyan": page})
    found = calibration_tiles.calibration_set(4, (32, 32), CalibrationOptions(tiles=12))
    assert found.images["drawn cyan"] == content_hash(page)
    assert [tile[0].max() == 0 for tile in found.tiles].count(True) == 6
    assert [pair.lr[0, 0].max() == 0 for pair in found.mirrored].count(True) == 6


def test_given_images_are_all_that_is_learnt_from(tmp_path: Path) -> None:
    for number in range(2):
        noise = np.random.default_rng(number).integers(0, 256, (64, 64, 3)).astype(np.uint8)
        write_picture(tmp_path / f"{number}.png", noise)
    found = calibration_tiles.calibration_set(2, (16, 16), CalibrationOptions(str(tmp_path), tiles=8))
    assert set(found.images) == {"0.png", "1.png"}
