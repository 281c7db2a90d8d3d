"""Committed result files hold figures and no pictures: those are cut from benchmark sets, which nobody may pass on."""

from __future__ import annotations

import pytest

from benchmarks.records.result_file import ResultFile, read_result
from tests.project.repository import ROOT

FILES = sorted((ROOT / "benchmarks" / "results").glob("*-check-*.json"))


def pictures(file: ResultFile) -> int:
    return len(file.crops) + len(file.error_maps)


@pytest.mark.parametrize("name", [path.name for path in FILES])
def test_no_picture_is_committed(name: str) -> None:
    file = read_result(ROOT / "benchmarks" / "results" / name)
    assert file.records and pictures(file) == 0, f"empty the crops and error_maps of {name}"
