"""The tables of a search are made of what its bundle recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.studies.int8.layer_scan import LayerScan, candidates_table, roles_table, searches
from dlgsanet.errors import InputError
from dlgsanet.storage.typed_json import decode, to_json
from runtimes.bundle.manifest import MANIFEST
from tests.benchmarks.bundles import make_bundle

LOSS = {
    "to_float_db": 60.0, "to_float_worst_db": 50.0, "squared_error": 1e-6, "drop_db": 0.01, "drop_worst_db": 0.02,
    "ssim_drop": 0.0,
}  # fmt: skip


def row(name: str, ms: float, near: float) -> dict[str, Any]:
    return {"name": name, "layers": 3, "ms": ms, **LOSS, "to_float_db": near}


def layer(role: str, near: float) -> dict[str, Any]:
    near_db = {"to_float_db": near, "to_float_worst_db": near - 2}
    return {"role": role, **LOSS, **near_db, "drop_db": 0.001, "ms_gained": 0.1}


FOUND = {
    "layers": ["x", "y"],
    "how": "searched",
    "chosen": "fast",
    "limits": {"mean_db": 0.05},
    "judged_on": "12 tiles",
    "float_ms": 10.0,
    "candidates": [row("fast", 8.0, 55.0), row("default", 9.0, 57.0)],
    "roles_ms_gained": {"ffn": 0.4, "ends": -0.2},
    "layers_measured": {"a": layer("ffn", 70.0), "b": layer("ffn", 66.0), "c": layer("ends", 50.0)},
    "machine": {},
}
FILE = decode(LayerScan, {"schema": 1, "model": "nano", "artifacts": {"openvino-int8-8x8": FOUND}}, "file")


def test_the_most_harmful_kind_comes_first_with_its_worst_layer() -> None:
    lines = roles_table([FILE]).splitlines()
    assert lines[3] == "| `ends` | 1 | 50.0 / 48.0 | 0.0010 | -0.20 |"
    assert lines[4] == "| `ffn` | 2 | 66.0 / 64.0 | 0.0010 | +0.40 |"


def test_losing_choices_stand_beside_the_one_that_was_taken() -> None:
    lines = candidates_table([FILE]).splitlines()
    assert lines[3] == "| fast | 3 | 8.00 | 0.0100 / 0.0200 | 55.0 | taken |"
    assert lines[4].startswith("| default | 3 | 9.00 |") and "taken" not in lines[4]


def test_only_what_was_searched_is_kept(tmp_path: Path) -> None:
    make_bundle(tmp_path / "bundle")
    with pytest.raises(InputError, match="expected a searched INT8 artifact"):
        searches(tmp_path / "bundle")
    place = tmp_path / "bundle" / MANIFEST
    manifest = json.loads(place.read_text())
    manifest["artifacts"][0]["choice"] = {"lowering": "basis", "how": "default", "int8": FOUND}
    place.write_text(json.dumps(manifest))
    found = searches(tmp_path / "bundle")
    assert to_json(found)["artifacts"] == {manifest["artifacts"][0]["id"]: FOUND}
