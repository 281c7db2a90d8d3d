"""The study of pages among the calibration tiles: every share is calibrated and judged, and the table tells it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.records.study_file import read_study, write_study
from benchmarks.studies.int8.on_text import Int8OnText, ShareRow, pages, pictures_of, study, table
from dlgsanet.checkpoints import save_checkpoint
from dlgsanet.imaging.files import write_picture
from export.targets.table import Target
from runtimes.machine.processor import overflows_int8
from tests.export.conftest import MakeModel

pytest.importorskip("nncf")
pytest.importorskip("skimage")


def test_every_share_is_judged_on_every_set(make_model: MakeModel, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "small.safetensors", make_model(), {"training": "none"})
    for number in range(2):
        noise = np.random.default_rng(number).integers(0, 256, (50, 61, 3)).astype(np.uint8)
        write_picture(tmp_path / "images" / f"{number}.png", noise)
    pictures = pictures_of(tmp_path / "images", 4, 1)
    assert [(name, lr.shape, hr.shape) for name, lr, hr in pictures] == [("0", (1, 3, 12, 15), (48, 60, 3))]
    target = Target("openvino", "int8", (20, 24))
    found = study(str(tmp_path / "small.safetensors"), target, {"noise": pictures}, (0, 1))
    assert [(row.share, row.images, row.count, row.worst_image) for row in found.rows] == [
        (0, "noise", 1, "0"),
        (1, "noise", 1, "0"),
    ]
    without, only = found.rows
    whole = study(str(tmp_path / "small.safetensors"), target, {"noise": pictures}, (0,), trunk_end=True)
    assert [(row.share, row.trunk_end) for row in whole.rows] == [(0, False), (0, True)]
    assert whole.rows[0] == without
    if not overflows_int8():  # what one layer more of rounding costs; an overflow elsewhere hides it
        assert whole.rows[1].to_float_db < without.to_float_db
    assert without.to_float_db != only.to_float_db  # other tiles, other ranges
    assert without.to_float_db < 90  # INT8, and not the float graph again
    write_study(tmp_path / "study.json", found)
    assert read_study(Int8OnText, tmp_path / "study.json") == found


def test_the_pages_are_made_small_as_benchmarks_are() -> None:
    drawn = {name: (lr.shape[2:], hr.shape) for name, lr, hr in pages(4)}
    assert drawn["paper-12"] == ((120, 160), (480, 640, 3))


def test_the_table_has_a_line_for_each_share() -> None:
    rows = (
        ShareRow(0.0, "Set5", 5, 60.0, 55.0, 0.001, 0.002, "bird"),
        ShareRow(0.25, "Set5", 5, 59.0, 55.0, 0.0015, -0.003, "baby"),
        ShareRow(0.25, "text", 9, 50.0, 45.0, 0.01, 0.05, "slide"),
        ShareRow(0.25, "text", 9, 40.0, 35.0, 0.02, 0.06, "slide", trunk_end=True),
    )
    lines = table([Int8OnText("nano-x4", "openvino-int8", {}, rows)]).splitlines()
    assert lines[2].startswith("| nano-x4 openvino-int8 | 0.0% | 0.0010 / 0.0020; 60.0 |  |")
    assert lines[3].endswith("| 25.0% | 0.0015 / -0.0030; 59.0 | 0.0100 / 0.0500; 50.0 |")
    assert lines[4].endswith("| 25.0%, trunk end in INT8 |  | 0.0200 / 0.0600; 40.0 |")
