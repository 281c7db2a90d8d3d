"""Sizes are those of the files, and weights in an ONNX file are counted by their types."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.records.study_file import read_study
from benchmarks.studies import file_sizes
from dlgsanet.errors import InputError
from export.bundle.options import ExportOptions
from export.bundle.writer import export_bundle

TARGETS = ("onnxruntime-fp32", "onnxruntime-int8w", "openvino-fp32", "openvino-fp16")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("openvino")
    out = tmp_path_factory.mktemp("sizes") / "b"
    export_bundle("nano-x4", out, ExportOptions(TARGETS, ((24, 32),)))
    return out


def test_weights_and_files(bundle: Path, tmp_path: Path) -> None:
    file_sizes.main([bundle], tmp_path / "sizes.json")
    rows = read_study(file_sizes.FileSizes, tmp_path / "sizes.json").rows
    by_name = {row.artifact.rpartition("-")[0]: row for row in rows}
    assert by_name["openvino-fp32"].weights == (bundle / "openvino/4x-dlgsanet-nano-fp32-24x32.bin").stat().st_size
    files = ("onnx/4x-dlgsanet-nano-fp32-24x32.onnx", "onnx/upscale.vpy")  # the network, and the script for videos
    assert by_name["onnxruntime-fp32"].all == sum((bundle / name).stat().st_size for name in files)
    near = by_name["onnxruntime-fp32"].weights / by_name["openvino-fp32"].weights
    assert 0.9 < near < 1.1  # the same network, counted in two ways
    shares = [line.split("|")[3].strip() for line in file_sizes.table(rows).splitlines()[2:]]
    assert shares[0] == shares[2] == "1.00" and float(shares[1]) < 0.4 and 0.45 < float(shares[3]) < 0.55


def test_nothing_to_look_at_is_refused(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_sizes, "BACKENDS", ("coreml", "torch"))
    with pytest.raises(InputError, match="expected artifacts of coreml or torch"):
        file_sizes.sizes(bundle)
