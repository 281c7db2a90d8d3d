"""INT8 by NNCF: integer kernels really run, the picture stays, and what was calibrated on is not evaluated on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.run_check import CheckOptions, run_check
from dlgsanet.imaging.errors import BackendError, InputError
from dlgsanet.imaging.files import read_rgb8
from export.bundle import ExportOptions, export_bundle
from export.calibration import CalibrationOptions
from export.quantized_layers import stays
from export.to_openvino import convert_openvino
from runtimes import open_runner
from runtimes.manifest import read_manifest

pytest.importorskip("nncf")
pytest.importorskip("skimage")

TILE = (24, 32)
TARGETS = ("openvino-fp32", "openvino-int8", "openvino-int8-mixed", "onnxruntime-int8")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped nano-x4: untrained weights say nothing about quantization."""
    out = tmp_path_factory.mktemp("int8") / "bundle"
    options = ExportOptions(targets=TARGETS, tiles=(TILE,), calibration=CalibrationOptions(tiles=24))
    export_bundle("nano-x4", out, options)
    return out


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_int8_runs_and_keeps_the_picture(bundle: Path, backend: str) -> None:
    from skimage import data

    lr = np.ascontiguousarray(data.astronaut()[:48:2, :64:2]).transpose(2, 0, 1)[None].astype(np.float32) / 255
    with open_runner(bundle, "openvino-fp32", threads=1) as run:
        exact = run.infer(lr)
    with open_runner(bundle, f"{backend}-int8-{TILE[0]}x{TILE[1]}", threads=1) as run:
        assert run.info.reported_precision == "int8"
        error = float(np.mean((run.infer(lr) - exact) ** 2))
    assert 1e-7 < error < 1e-4  # 40 dB at least, and not simply fp32 again


def test_mixed_says_what_runs_beside_int8(bundle: Path) -> None:
    with open_runner(bundle, "openvino-int8-mixed", threads=1) as run:
        has_bf16 = "bf16" in run.info.device_precisions
        assert run.info.reported_precision == ("int8-mixed" if has_bf16 else "int8")
        assert (run.info.precision_mismatch is None) == has_bf16


def test_int8_that_ran_in_fp32_is_a_mismatch(bundle: Path, tmp_path: Path) -> None:
    """The planted fault: the fp32 graph under the name of the INT8 one."""
    import json
    import shutil

    fake = tmp_path / "fake"
    shutil.copytree(bundle, fake)
    manifest = json.loads((fake / "manifest.json").read_text())
    plain, int8 = (
        next(it for it in manifest["artifacts"] if it["precision"] == word and it["backend"] == "openvino")
        for word in ("fp32", "int8")
    )
    int8["path"], int8["files"] = plain["path"], plain["files"]
    (fake / "manifest.json").write_text(json.dumps(manifest))
    with open_runner(fake, int8["id"], threads=1) as run:
        assert run.info.reported_precision == "fp32"
        assert "int8 was requested" in (run.info.precision_mismatch or "")


def test_the_manifest_names_the_calibration(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    assert manifest.calibration is not None and manifest.calibration.tiles == 24
    assert "coffee.png" in manifest.calibration.images
    hashes = {it.precision: it.calibration_sha256 for it in manifest.artifacts}
    assert hashes["fp32"] is None and hashes["int8"] == hashes["int8-mixed"] is not None


def test_calibration_images_are_not_evaluated_on(bundle: Path, tmp_path: Path) -> None:
    from skimage import data

    from dlgsanet.imaging.files import write_picture

    write_picture(tmp_path / "renamed.png", data.coffee())  # other name and file, same pixels
    assert read_rgb8(tmp_path / "renamed.png").shape == (400, 600, 3)
    with pytest.raises(InputError, match=r"found renamed\.png \(is coffee\.png of the calibration\)"):
        run_check(CheckOptions(bundle, data=tmp_path, threads=1))


def test_a_broken_calibration_file_is_one_line(tmp_path: Path, bundle: Path) -> None:
    tiles = tmp_path / "tiles.npy"
    tiles.write_bytes(b"no array")
    with pytest.raises(BackendError, match=r"OpenVINO could not convert a\.xml"):
        convert_openvino(tmp_path / "none.onnx", tmp_path / "a.xml", half=False, metadata={}, calibration=tiles)


def test_an_onnx_graph_whose_convolutions_stay_fp32_is_a_mismatch(bundle: Path, tmp_path: Path) -> None:
    """The planted fault: fp32 weights between the Q/DQ pairs, which only rounds."""
    import json
    import shutil

    import onnx

    from dlgsanet.imaging.atomic import sha256_file

    fake = tmp_path / "fake"
    shutil.copytree(bundle, fake)
    manifest = json.loads((fake / "manifest.json").read_text())
    entry = next(it for it in manifest["artifacts"] if it["backend"] == "onnxruntime")
    model = onnx.load(fake / entry["path"])
    graph = model.graph
    dequantized = {node.output[0]: node for node in graph.node if node.op_type == "DequantizeLinear"}
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    broken = next(node for node in graph.node if node.op_type == "Conv" and node.input[1] in dequantized)
    values, scale, _ = (stored[name] for name in dequantized[broken.input[1]].input)
    weight = (values * scale.reshape(-1, 1, 1, 1)).astype(np.float32)
    graph.initializer.append(onnx.numpy_helper.from_array(weight, "unfused"))
    broken.input[1] = "unfused"
    onnx.save(model, fake / entry["path"])
    entry["files"][entry["path"]] = sha256_file(fake / entry["path"])
    (fake / "manifest.json").write_text(json.dumps(manifest))
    with open_runner(fake, entry["id"], threads=1) as run:
        assert run.info.reported_precision == "fp32"


def test_the_sums_of_squares_of_the_normalisations_stay() -> None:
    assert stays("deep_feature_extraction.0.body.0.norm1.variance.Conv")
    assert not stays("deep_feature_extraction.0.body.0.IDynamicDWConv.project_in.Conv")
