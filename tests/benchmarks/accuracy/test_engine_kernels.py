"""Kernels of engines go from manifest or sidecar into the result file and onto the page."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.accuracy.engine_kernels import kernel_records
from benchmarks.records.environment import describe_environment
from benchmarks.records.made_of import KernelRecord
from benchmarks.records.result_file import new_result, parse_result
from benchmarks.report.page import render
from benchmarks.subjects.subject import Origin
from dlgsanet.storage.typed_json import encode
from runtimes.backends.tensorrt.engine_record import EngineRecord, write_engine
from runtimes.bundle.artifact_facts import Cost

MODEL = Origin("m", "a" * 64, 4)
KERNELS = {
    "total": 3, "kernels": {"conv int8": 2, "kgen fp16": 1}, "dense_convolutions": {"int8": 2},
    "grouped_convolutions": {}, "waits": 1, "signals": 2, "requantize": 1, "weight_bytes": 1500000,
    "activation_bytes": None, "macs": {},
}  # fmt: skip


def engine(name: str, sm: str) -> EngineRecord:
    digest = "0" * 64
    return EngineRecord(1, name, digest, "tensorrt", "10.3.0", sm, "linux", "t/x.onnx", digest, "fp32", {}, KERNELS)


def artifact(backend: str, **graph: object) -> SimpleNamespace:
    return SimpleNamespace(id=f"{backend}-int8-8x8", backend=backend, path="t/x.onnx", graph=Cost(**graph))


def test_from_the_manifest_and_from_beside_the_graph(tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    (tmp_path / "t").mkdir()
    built, ahead = (
        artifact("tensorrt"),
        artifact("tensorrt-rtx", engine=engine("tensorrt-rtx-int8-8x8", "sm86").as_json()),
    )
    write_engine(tmp_path, "t/x.sm87.engine", b"e", engine(built.id, "sm87"))
    write_engine(tmp_path, "t/x.sm110.engine", b"e", engine("another", "sm110"))
    (tmp_path / "t" / "x.sm89.engine").write_bytes(b"no record")
    records = kernel_records(tmp_path, [built, ahead, artifact("openvino")], MODEL)
    assert [(it.artifact, it.sm, it.total, it.stream_operations) for it in records] == [
        ("tensorrt-int8-8x8", "sm87", 3, 3), ("tensorrt-rtx-int8-8x8", "sm86", 3, 3)
    ]  # fmt: skip
    result = parse_result(encode(new_result(describe_environment("here"), records)), "r.json")
    assert result.of(KernelRecord) == records


def test_the_page_shows_them_and_claims_no_run(tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    from benchmarks.records.latency import LatencyRecord

    ahead = artifact("tensorrt-rtx", engine=engine("tensorrt-rtx-int8-8x8", "sm86").as_json())
    records = kernel_records(tmp_path, [ahead], MODEL)
    absent = LatencyRecord(
        ahead.id, "m", "a" * 64, "int8", (8, 8), "not run", "no NVIDIA GPU", role="artifact", backend=ahead.backend
    )
    page = render([new_result(describe_environment("here"), (*records, absent))])
    assert "2 conv int8, 1 kgen fp16" in page and "Nothing here was run" in page and "no NVIDIA GPU" in page
