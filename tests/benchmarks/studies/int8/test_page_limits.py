"""The study of the limit on drawn pages: each limit is held and judged, and the table tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.records.study_file import read_study, write_study
from benchmarks.studies.int8.page_limits import NO_LIMIT, LimitRow, PageLimits, study, table
from dlgsanet.checkpoints import save_checkpoint
from export.targets.table import Target
from tests.export.conftest import MakeModel

pytest.importorskip("skimage")


def test_a_limit_leaves_fewer_layers_and_a_nearer_picture(make_model: MakeModel, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "small.safetensors", make_model(), {"training": "none"})
    target = Target("onnxruntime", "int8", (20, 24))
    found = study(str(tmp_path / "small.safetensors"), target, (NO_LIMIT, 52.0))
    free, held = found.rows
    assert free.to_float_worst_db < 50  # INT8, and not the float graph again
    assert held.layers < free.layers <= free.asked and held.to_float_db > free.to_float_db
    write_study(tmp_path / "study.json", found)
    assert read_study(PageLimits, tmp_path / "study.json") == found


def test_the_table_has_a_line_for_each_limit() -> None:
    rows = (
        LimitRow(0.0, 36, 36, 48.2, 42.4, 0.002, -0.025, "chart"),
        LimitRow(55.0, 33, 36, 56.0, 53.3, 0.001, 0.005, "slide"),
    )
    lines = table([PageLimits("nano-x4", "onnxruntime-int8", {}, rows)]).splitlines()
    assert lines[2:] == [
        "| nano-x4 onnxruntime-int8 | none | 36 of 36 | 48.2 / 42.4 | 0.0020 / -0.0250 |",
        "| nano-x4 onnxruntime-int8 | 55 dB | 33 of 36 | 56.0 / 53.3 | 0.0010 / 0.0050 |",
    ]
