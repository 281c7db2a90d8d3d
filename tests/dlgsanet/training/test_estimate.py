"""The dry run: right counts, a time from timed steps, and nothing written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dlgsanet.errors import InputError
from dlgsanet.training.configuration.read import config_from_dict
from dlgsanet.training.estimate import Estimate, StageEstimate, count_images, estimate

Tables = dict[str, Any]


def test_a_run_in_stages(tables: Tables) -> None:
    tables["schedule"]["steps"] = 1000
    tables["stages"] = [{"start": 0.75, "patch": 12, "batch": 1}]
    found = estimate(config_from_dict(tables))
    assert found.parameters == 85_744 and found.device == "cpu" and found.processes == 1
    assert [(stage.patch, stage.batch, stage.steps) for stage in found.stages] == [(8, 2, 750), (12, 1, 250)]
    assert all(1 < stage.ms_per_step < 60_000 for stage in found.stages)
    assert 50 < found.memory_mib < 20_000


def test_figures_add_up_and_are_said() -> None:
    found = Estimate(
        85_744, "cpu", 2, 300.4, "operators: c", (StageEstimate(32, 16, 1000, 500.0), StageEstimate(48, 8, 500, 1000.0))
    )
    assert found.seconds == 1000
    said = "\n".join(found.lines())
    for words in (
        "85,744 parameters",
        "cpu, 2 processes",
        "1000 steps of 16 patches of 32x32",
        "32.0 img/s",
        "0:16:40",
    ):
        assert words in said


def test_images_are_counted_and_missing_folders_refused(tables: Tables, tmp_path: Path) -> None:
    assert count_images(config_from_dict(tables)) == 4
    tables["data"]["forbidden"] = [str(tmp_path / "Set5")]
    with pytest.raises(InputError, match="Set5"):
        count_images(config_from_dict(tables))
