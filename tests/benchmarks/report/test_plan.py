"""The plan of `report`: files are read, nothing is written, and what cannot be is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.records.result_file import new_result, write_result
from benchmarks.report.plan import plan_report
from dlgsanet.errors import InputError
from tests.benchmarks.records.result_examples import BOARD, tile_record


@pytest.fixture
def result(tmp_path: Path) -> Path:
    write_result(tmp_path / "r.json", new_result(BOARD, (tile_record(8, 1.0),)))
    return tmp_path / "r.json"


def test_it_holds_the_files_and_writes_nothing(result: Path, tmp_path: Path) -> None:
    plan = plan_report([result, result], tmp_path / "page.html", force=False)
    assert [file.environment for file in plan.files] == [BOARD, BOARD]
    assert not plan.output.exists()


def test_what_cannot_be_is_refused(result: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    with pytest.raises(InputError, match="found none"):
        plan_report([], page, force=False)
    with pytest.raises(InputError, match=r"end in \.html"):
        plan_report([result], result, force=True)
    write_result(tmp_path / "empty.json", new_result(BOARD, ()))
    with pytest.raises(InputError, match="hold no records"):
        plan_report([tmp_path / "empty.json"], page, force=False)
    page.write_text("mine")
    with pytest.raises(InputError, match="give --force"):
        plan_report([result], page, force=False)
    assert plan_report([result], page, force=True).output == page
