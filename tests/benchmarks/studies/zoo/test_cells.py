"""Cells are kept one by one: what is stopped, or ends by itself, costs no other."""

from __future__ import annotations

import json

import pytest

from benchmarks.studies.zoo import cells
from benchmarks.studies.zoo.networks import NETWORKS
from benchmarks.studies.zoo.study import ZooCell
from dlgsanet.errors import BackendError
from dlgsanet.storage.typed_json import to_json
from runtimes.machine.child import Job, Say

COMPACT = NETWORKS[0]


def cell(target: str) -> ZooCell:
    return ZooCell(COMPACT.name, COMPACT.kind, target, "passes", "", 60.0)


def test_a_cell_is_kept_before_its_process_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[ZooCell] = []

    def stopped(job: Job, say: Say) -> object:
        say(json.dumps(to_json(cell("openvino-bf16"))))
        raise KeyboardInterrupt

    monkeypatch.setattr(cells, "ask", stopped)
    with pytest.raises(KeyboardInterrupt):
        cells.fill(COMPACT, ["openvino-bf16", "openvino-int8-mixed"], kept.append)
    assert kept == [cell("openvino-bf16")]


def test_the_cell_in_which_a_process_ends_is_refused_and_the_next_get_another(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[ZooCell] = []
    asked: list[object] = []

    def ends_in_the_second(job: Job, say: Say) -> object:
        asked.append(job.given)
        say(json.dumps(to_json(cell("onnxruntime-fp32" if len(asked) == 1 else "coreml-fp16"))))
        if len(asked) == 1:
            raise BackendError("its process ended")
        return None

    monkeypatch.setattr(cells, "ask", ends_in_the_second)
    cells.fill(COMPACT, ["onnxruntime-fp32", "openvino-fp32", "coreml-fp16"], kept.append)
    assert [(it.target, it.result, it.reason) for it in kept] == [
        ("onnxruntime-fp32", "passes", ""),
        ("openvino-fp32", "refused", "its process ended"),
        ("coreml-fp16", "passes", ""),
    ]
    assert asked[1] == {"network": COMPACT.name, "targets": ["coreml-fp16"]}
