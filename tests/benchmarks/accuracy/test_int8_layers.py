"""How INT8 layers were chosen goes from the manifest into the result file and onto the page."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.accuracy.int8_layers import SHOWN, layers_line, layers_records
from benchmarks.records.environment import describe_environment
from benchmarks.records.made_of import LayersRecord
from benchmarks.records.result_file import new_result, parse_result
from benchmarks.subjects.subject import Origin
from dlgsanet.errors import InputError
from dlgsanet.storage.typed_json import decode, encode
from runtimes.bundle.artifact_facts import FormChoice
from tests.benchmarks.records.result_examples import SHA, accuracy

MODEL = Origin("nano-x4", SHA, 4)
NAME = "openvino-int8-128x128"
LOSS = {
    "to_float_db": 60.0, "to_float_worst_db": 50.0, "squared_error": 1e-6, "drop_db": 0.01, "drop_worst_db": 0.02,
    "ssim_drop": 0.0,
}  # fmt: skip


def artifact(choice: dict[str, Any] | None) -> Any:
    entry = {"lowering": "basis", "how": "default", **({} if choice is None else {"int8": choice})}
    return SimpleNamespace(id=NAME, backend="openvino", choice=decode(FormChoice, entry, f"manifest: {NAME}"))


def searched() -> dict[str, Any]:
    measured = {
        f"g0.layer{place}": {"role": "body", **LOSS, "to_float_db": 60.0 + place, "ms_gained": 0.1}
        for place in range(SHOWN + 2)
    }
    return {
        "how": "searched",
        "chosen": "+body",
        "layers": ["a", "b"],
        "float_ms": 9.0,
        "candidates": [
            {"name": "default", "layers": 1, "ms": 8.0, **LOSS, "drop_db": 0.02},
            {"name": "+body", "layers": 2, "ms": 7.5, **LOSS, "drop_db": 0.03},
        ],
        "roles_ms_gained": {"body": 1.2},
        "limits": {"mean_db": 0.05},
        "judged_on": "12 tiles",
        "machine": {"cpu": "CPU"},
        "layers_measured": dict(reversed(measured.items())),
    }


def test_a_search_is_told_with_its_worst_layers() -> None:
    (record,) = layers_records([artifact(searched()), artifact(None)], MODEL)
    assert [row.layer for row in record.sensitive] == [f"g0.layer{place}" for place in range(SHOWN)]
    line = layers_line(record)
    assert line.startswith(
        f"{NAME}: 2 INT8 layers, found by a search (+body), 7.50 ms against 9.00 without INT8, 0.0300 dB"
    )
    assert line.endswith("g0.layer0 (60.0 dB), g0.layer1 (61.0 dB), g0.layer2 (62.0 dB)")
    result = parse_result(encode(new_result(describe_environment("here"), (record,))), "r.json")
    assert result.of(LayersRecord) == (record,)


def test_the_default_says_so() -> None:
    (record,) = layers_records([artifact({"how": "default", "reason": "docs/precision.md", "layers": ["a"]})], MODEL)
    assert layers_line(record) == f"{NAME}: 1 INT8 layers, the default ones: docs/precision.md"


@pytest.mark.parametrize("missing", ["how", "chosen", "candidates", "float_ms", "layers_measured"])
def test_a_manifest_that_lacks_something_is_one_line(missing: str) -> None:
    choice = searched()
    del choice[missing]
    with pytest.raises(InputError, match=rf"{NAME}\.int8.*({missing}: expected|field '{missing}' is missing)"):
        layers_records([artifact(choice)], MODEL)


def test_the_page_shows_both_and_lists_the_layers() -> None:
    pytest.importorskip("jinja2")
    from benchmarks.report.page import render

    records = layers_records([artifact(searched())], MODEL)
    page = render([new_result(describe_environment("here"), (*records, accuracy(NAME)))])
    assert "INT8 layers</h3>" in page and "found by a search (+body)" in page
    assert page.count('<th scope="row">g0.layer') == SHOWN
    assert "INT8 layers</h3>" not in render([new_result(describe_environment("here"), (accuracy(NAME),))])
