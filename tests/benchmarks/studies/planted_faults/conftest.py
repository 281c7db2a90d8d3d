"""A small random network in every backend's files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.studies.planted_faults.bench import Bench, open_bench, places
from benchmarks.studies.planted_faults.plant import Place
from export import ExportOptions, export_bundle

TARGETS = ("onnxruntime-fp32", "onnxruntime-int8w", "openvino-fp32", "coreml-int8w", "coreml-pal8", "tensorrt-fp16")


@pytest.fixture(scope="session")
def bench(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A bundle of TARGETS in one small tile, and what its artifacts are judged on."""
    for package in ("onnx", "onnxruntime", "openvino", "nncf", "coremltools"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("faults")
    export_bundle(checkpoint, folder / "bundle", ExportOptions(targets=TARGETS, tiles=((24, 24),)))
    return open_bench(folder / "bundle", folder / "work")


@pytest.fixture(scope="session")
def artifacts(bench: Bench) -> Mapping[str, Place]:
    """Every artifact by its target."""
    return {place.name.rpartition("-")[0]: place for place in places(bench)}
