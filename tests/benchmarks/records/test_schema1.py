"""Files of schema 1 are read for good: what they leave to names is said in records of schema 2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import benchmarks
from benchmarks.records.latency import LatencyRecord, RatioRecord, Roofline
from benchmarks.records.result_file import parse_result, read_result, write_result
from benchmarks.records.schema1 import identity, upgraded
from dlgsanet.errors import InputError
from dlgsanet.storage.typed_json import to_json
from tests.benchmarks.records import result_examples as examples

RESULTS = Path(benchmarks.__file__).parent / "results"
COMMITTED = [path for path in sorted(RESULTS.glob("*.json")) if b'"records"' in path.read_bytes()]
NEW = ("role", "backend", "other_role", "other_backend", "roofline")


def old() -> dict[str, Any]:
    """A file of `bench` as schema 1 wrote it."""
    names = {"openvino-bf16-128x128": 18, "torch-official-128x128": 240}
    new = examples.timed(examples.DESKTOP, [examples.latency(name, ms) for name, ms in names.items()])
    value: dict[str, Any] = {**to_json(new), "schema": 1}
    value["records"] = [{key: it for key, it in record.items() if key not in NEW} for record in value["records"]]
    value["records"][0] |= {"network_macs": 3, "lowered_macs": 4, "peak_share": 0.5, "lowered_share": 0.6}
    return value


@pytest.mark.parametrize(
    ("name", "role", "backend"),
    [
        ("openvino-bf16-128x128", "artifact", "openvino"),
        ("onnxruntime-int8-mixed-96x128", "artifact", "onnxruntime"),
        ("tensorrt-int8-fp16-scales-128x128", "artifact", "tensorrt"),
        ("tensorrt-rtx-fp16-128x128", "artifact", "tensorrt-rtx"),
        ("coreml-pal4-lowrank-128x128", "artifact", "coreml"),
        ("torch-official-128x128", "peer", "torch"),
        ("torch-reference-128x128", "reference", "torch"),
        ("torch-reference-whole", "reference", "torch"),
        ("torch-cuda-compile-128x128", "peer", "torch-cuda"),
        ("swinir-light-onnxruntime-fp32-128x128", "peer", "onnxruntime"),
        ("naive-openvino-bf16-128x128", "peer", "openvino"),
        ("bicubic-128x128", "peer", "pillow"),
        ("fp32", "artifact", "fp32"),
        ("", "artifact", ""),
    ],
)
def test_what_names_said(name: str, role: str, backend: str) -> None:
    assert identity(name) == (role, backend)


def test_every_record_says_what_it_is_once_upgraded() -> None:
    found = parse_result(json.dumps(old()), "old.json")
    bf16, official = found.of(LatencyRecord)
    assert (bf16.role, bf16.backend, bf16.roofline) == ("artifact", "openvino", Roofline(3, 4, 0.5, 0.6))
    assert official.is_torch and official.roofline is None
    (ratio,) = found.of(RatioRecord)
    assert ratio.is_artifact and ratio.against_torch


@pytest.mark.parametrize("place", COMMITTED, ids=lambda path: path.stem)
def test_committed_files_are_read_and_written_in_schema_2(place: Path, tmp_path: Path) -> None:
    found = read_result(place)
    assert found.records and found.schema == 2
    write_result(tmp_path / "new.json", found)
    assert json.loads((tmp_path / "new.json").read_text())["schema"] == 2
    assert read_result(tmp_path / "new.json") == found


@pytest.mark.parametrize("broken", [{"records": 3}, {"records": [3]}, {"records": [{"kind": 1}]}, {"error_maps": [1]}])
def test_what_is_broken_is_left_to_the_reader(broken: dict[str, Any]) -> None:
    value = {**old(), **broken}
    upgraded(value)
    with pytest.raises(InputError, match=r"old\.json\.(records|error_maps)"):
        parse_result(json.dumps(value), "old.json")
