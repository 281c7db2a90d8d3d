"""Sizes are those of the files, and weights in an ONNX file are counted by their types."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import file_sizes
from dlgsanet.imaging.errors import InputError
from export.bundle import ExportOptions, export_bundle


def test_weights_and_files(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    targets = ("onnxruntime-fp32", "onnxruntime-int8w", "openvino-fp32", "openvino-fp16")
    export_bundle("nano-x4", tmp_path / "b", ExportOptions(targets, ((24, 32),)))
    file_sizes.main([tmp_path / "b"], tmp_path / "sizes.json")
    rows = json.loads((tmp_path / "sizes.json").read_text())["rows"]
    by_name = {row["artifact"].rpartition("-")[0]: row for row in rows}
    assert by_name["openvino-fp32"]["weights"] == (tmp_path / "b/openvino/openvino-fp32-24x32.bin").stat().st_size
    assert by_name["onnxruntime-fp32"]["all"] == (tmp_path / "b/onnx/onnxruntime-fp32-24x32.onnx").stat().st_size
    near = by_name["onnxruntime-fp32"]["weights"] / by_name["openvino-fp32"]["weights"]
    assert 0.9 < near < 1.1  # the same network, counted in two ways
    shares = [line.split("|")[3].strip() for line in file_sizes.table(rows).splitlines()[2:]]
    assert shares[0] == shares[2] == "1.00" and float(shares[1]) < 0.4 and 0.45 < float(shares[3]) < 0.55


def test_nothing_to_look_at_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("coremltools")
    export_bundle("nano-x4", tmp_path / "b", ExportOptions(("coreml-fp32",), ((24, 32),)))
    with pytest.raises(InputError, match="expected artifacts of onnxruntime or openvino"):
        file_sizes.sizes(tmp_path / "b")
