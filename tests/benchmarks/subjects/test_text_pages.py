"""Pages of text to evaluate on: pictures that check reads, and none that calibration knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.subjects.datasets import open_folder
from benchmarks.subjects.text_pages import main, text_pages
from dlgsanet.imaging.pixel_hash import content_hash
from export.quantization.drawn_pages import drawn_pages


def test_check_reads_them_at_every_scale(tmp_path: Path) -> None:
    main(tmp_path / "pages")
    for scale in (2, 3, 4):
        found = open_folder(tmp_path / "pages", scale)
        assert len(found.items) == len(text_pages()) == 9


@pytest.mark.parametrize("name", ["paper-12", "night-16", "slide-blue", "chart"])
def test_there_is_text_on_each(name: str) -> None:
    """Many rows and columns with steps of over 60 levels between neighbours, and paper between them."""
    grey = text_pages()[name].mean(2)
    edges = abs(grey[:, 1:] - grey[:, :-1]) > 60
    assert 0.01 < edges.mean() < 0.3 and edges.any(1).mean() > 0.3


def test_calibration_knows_none_of_them() -> None:
    known = {content_hash(page) for page in drawn_pages(0).values()}
    assert not known & {content_hash(page) for page in text_pages().values()}
