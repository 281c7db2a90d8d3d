"""INT8 by NNCF: integer kernels really run, the picture stays, and what was calibrated on is not evaluated on."""

from __future__ import annotations

import itertools
import json
import math
import re
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from benchmarks.accuracy.options import CheckOptions
from benchmarks.run_check import run_check
from dlgsanet.errors import GateError, InputError
from dlgsanet.imaging.files import read_rgb8
from dlgsanet.storage.atomic import sha256_file
from export.bundle.options import ExportOptions
from export.bundle.writer import export_bundle
from export.quantization.options import CalibrationOptions
from runtimes import open_runner
from runtimes.backends.openvino.layers import quantized_layers
from runtimes.bundle.manifest import read_manifest
from runtimes.file_formats.onnx_file import read_facts
from runtimes.runner.work_by_precision import shares

pytest.importorskip("nncf")
pytest.importorskip("skimage")

TILE = (24, 32)
TARGETS = ("openvino-fp32", "openvino-int8", "openvino-int8-mixed", "onnxruntime-int8")
BOTH = ("onnxruntime-int8", "openvino-int8")


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


@pytest.mark.parametrize("name", ["openvino-int8", "openvino-int8-mixed"])
def test_all_weights_are_stored_small(bundle: Path, name: str) -> None:
    size = {it.family: (bundle / it.path).with_suffix(".bin").stat().st_size for it in read_manifest(bundle).artifacts
            if it.backend == "openvino"}  # fmt: skip
    assert size[name] < 0.4 * size["openvino-fp32"]


def test_mixed_says_what_runs_beside_int8(bundle: Path) -> None:
    with open_runner(bundle, "openvino-int8-mixed", threads=1) as run:
        has_bf16 = "bf16" in run.info.device_precisions
        assert run.info.reported_precision == ("int8-mixed" if has_bf16 else "int8")
        assert (run.info.precision_mismatch is None) == has_bf16


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    """A bundle that a test may damage."""
    return Path(shutil.copytree(bundle, tmp_path / "fake"))


def changed(bundle: Path, name: str, edit: Callable[[dict[str, Any]], object]) -> str:
    """Let `edit` change the entry of an artifact in the manifest (and its files); returns the artifact's id."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    entry = next(it for it in manifest["artifacts"] if it["id"] == f"{name}-{TILE[0]}x{TILE[1]}")
    edit(entry)
    entry["files"] = {path: sha256_file(bundle / path) for path in entry["files"]}
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    return str(entry["id"])


@pytest.mark.parametrize(("name", "instead"), [("openvino-int8", "fp32"), ("openvino-int8-mixed", "bf16")])
def test_int8_that_ran_in_another_precision_is_a_mismatch(copy: Path, name: str, instead: str) -> None:
    """The planted fault: the fp32 graph under the name of the INT8 one."""
    plain = next(it for it in read_manifest(copy).artifacts if it.id.startswith("openvino-fp32"))
    fault = changed(copy, name, lambda it: it.update(path=plain.path, files=dict(plain.files)))
    with open_runner(copy, fault, threads=1) as run:
        if instead in run.info.device_precisions:
            assert run.info.reported_precision == instead
            assert f"reports {instead}" in (run.info.precision_mismatch or "")
            assert run.info.lacking is None  # the device has all it takes, so this is no "not run here"


@pytest.mark.parametrize("name", ["openvino-int8", "openvino-int8-mixed"])
def test_one_quantized_layer_that_ran_otherwise_fails_the_check(copy: Path, name: str, tmp_path: Path) -> None:
    """The planted fault: the input of some layers on a grid of 4096 values, for which there are no integer kernels."""

    def coarse_no_more(entry: dict[str, Any]) -> None:
        place = copy / entry["path"]
        place.write_text(place.read_text().replace('levels="256"', 'levels="4096"', 1))

    fault = changed(copy, name, coarse_no_more)
    layers = len(next(it for it in read_manifest(copy).artifacts if it.id == fault).choice.int8.layers)
    with open_runner(copy, fault, threads=1) as run:
        assert re.fullmatch(rf"int8 in \d+ of {layers} layers", run.info.reported_precision)
        lacking = run.info.lacking
    if lacking is not None:
        pytest.skip(f"nothing to judge on this processor: {lacking}")
    with pytest.raises(GateError, match=f"accuracy gates failed: {fault}"):
        run_check(CheckOptions(copy, artifacts=(fault,), threads=1, json=tmp_path / "r.json"))
    reason = json.loads((tmp_path / "r.json").read_text())["records"][0]["reason"]
    assert "was requested, the engine reports int8 in" in reason


def _macs(graph: Path, names: Collection[str]) -> int:
    """Of convolutions of an ONNX file, which all see the tile's size."""
    content = onnx.load(graph).graph
    sizes = {it.name: math.prod(it.dims) for it in content.initializer}
    nodes = {output: node for node in content.node for output in node.output}
    found = 0
    for node in content.node:
        if node.name in names:
            weight = node.input[1]
            while weight not in sizes:
                weight = nodes[weight].input[0]
            found += sizes[weight]
    return found * TILE[0] * TILE[1]


def test_the_work_is_told_by_precision(bundle: Path) -> None:
    """Two engines, asked in two ways, and the count of the graph agree to the last multiply-add, but for the layers
    that one of them leaves in floats."""
    manifest = read_manifest(bundle)
    found = {}
    for artifact in manifest.artifacts:
        with open_runner(bundle, artifact.id, threads=1) as run:
            found[artifact.family] = run.macs()
        assert sum(found[artifact.family].values()) == artifact.graph.macs
    assert set(found["openvino-fp32"]) == {"fp32"}
    chosen = {it.family: set(it.choice.int8.layers) for it in manifest.artifacts if "int8" in it.family}
    rest = {name: chosen[name] - chosen[other] for name, other in itertools.permutations(BOTH)}
    assert len(rest["openvino-int8"]) >= 6  # what joins the residual stream: two 3x3 and four 1x1
    graph = next(bundle / it.path for it in manifest.artifacts if it.backend == "onnxruntime")
    more = {name: _macs(graph, names) for name, names in rest.items()}
    assert len({found[name]["int8"] - more[name] for name in BOTH}) == 1
    assert 0.2 < shares(found["openvino-int8"])["int8"] < 0.5  # less where VNNI had pages hold it
    assert found["openvino-int8-mixed"]["int8"] == found["openvino-int8"]["int8"]


def test_the_manifest_names_the_layers_that_the_files_quantize(bundle: Path) -> None:
    import openvino

    artifacts = {it.family: it for it in read_manifest(bundle).artifacts}
    quantized = {
        "openvino-int8": quantized_layers(openvino.Core().read_model(bundle / artifacts["openvino-int8"].path)),
        "onnxruntime-int8": read_facts((bundle / artifacts["onnxruntime-int8"].path).read_bytes()).quantized,
    }
    named = {family: set(artifacts[family].choice.int8.layers) for family in quantized}
    assert {family: len(layers) for family, layers in named.items()} == quantized
    assert named["openvino-int8"] - named["onnxruntime-int8"]  # whose integer convolutions answer in 8 bits


def test_the_manifest_names_the_calibration(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    assert manifest.calibration is not None and manifest.calibration.tiles == 24
    assert {"coffee.png", "drawn print"} < manifest.calibration.images.keys()
    assert manifest.calibration.benchmarks is None
    card = (bundle / "README.md").read_text()
    assert "## Calibration\n" in card and "not held-out" not in card
    hashes = {it.precision: it.calibration_sha256 for it in manifest.artifacts}
    assert hashes["fp32"] is None and hashes["int8"] == hashes["int8-mixed"] is not None


def test_calibration_images_are_not_evaluated_on(bundle: Path, tmp_path: Path) -> None:
    from skimage import data

    from dlgsanet.imaging.files import write_picture

    write_picture(tmp_path / "renamed.png", data.coffee())  # other name and file, same pixels
    assert read_rgb8(tmp_path / "renamed.png").shape == (400, 600, 3)
    with pytest.raises(InputError, match=r"found renamed\.png \(is coffee\.png of the calibration\)"):
        run_check(CheckOptions(bundle, data=tmp_path, threads=1))


def test_an_onnx_convolution_that_stays_fp32_is_a_mismatch(copy: Path) -> None:
    """The planted fault: fp32 weights between the Q/DQ pairs, which only rounds."""
    import onnx

    def unfuse(entry: dict[str, Any]) -> None:
        model = onnx.load(copy / entry["path"])
        graph = model.graph
        dequantized = {node.output[0]: node for node in graph.node if node.op_type == "DequantizeLinear"}
        stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
        broken = next(node for node in graph.node if node.op_type == "Conv" and node.input[1] in dequantized)
        values, scale, _ = (stored[name] for name in dequantized[broken.input[1]].input)
        weight = (values * scale.reshape(-1, 1, 1, 1)).astype(np.float32)
        graph.initializer.append(onnx.numpy_helper.from_array(weight, "unfused"))
        broken.input[1] = "unfused"
        onnx.save(model, copy / entry["path"])

    layers = len(next(it for it in read_manifest(copy).artifacts if it.backend == "onnxruntime").choice.int8.layers)
    with open_runner(copy, changed(copy, "onnxruntime-int8", unfuse), threads=1) as run:
        assert run.info.reported_precision == f"int8 in {layers - 1} of {layers} layers"
        assert run.info.precision_mismatch is not None
