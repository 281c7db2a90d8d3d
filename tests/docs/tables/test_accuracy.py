"""What tiling costs stands in a table once for each network and set of images, however many files tell it; networks of
others stand in a table of their own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.records.result_file import ResultFile
from docs.tables import accuracy
from docs.tables.results import results
from tests.benchmarks.records.result_examples import DESKTOP, PROTOCOL, checked
from tests.benchmarks.records.result_examples import accuracy as example


def told(artifact: str, protocol: str = PROTOCOL) -> ResultFile:
    """A file of one artifact and of what tiling costs."""
    records = [replace(example(name), protocol=protocol) for name in (artifact, "torch-reference-128x128")]
    return checked(DESKTOP, records)


def test_what_tiling_costs_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("openvino-fp32-128x128", "openvino-bf16-128x128", "tensorrt-fp16-128x128")
    files = [*map(told, names), told("openvino-int8-128x128", PROTOCOL.replace("aaaaaaaa", "bbbbbbbb"))]
    monkeypatch.setattr(accuracy, "results", lambda pattern: files)
    found = [accuracy.TILING_ITSELF in line for line in accuracy.accuracy_all().splitlines()[2:]]
    assert found == [False, True, False, False, False, True]
    assert accuracy.TILING_ITSELF not in accuracy._accuracy([told("tensorrt-int8-128x128")])


def test_networks_of_others_stand_apart() -> None:
    """What they show is no reason for a limit, either."""
    assert "DAT_light" not in accuracy.accuracy() + accuracy.accuracy_all()
    assert "DAT_light_x2 openvino-fp32-64x64" in accuracy.others() and "nano" not in accuracy.others()
    assert not [record for file in results("*check*.json") for record in file.records if "DAT" in str(record)]
