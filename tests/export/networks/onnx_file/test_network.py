"""Somebody's ONNX file goes the whole way: bundle, reference, check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.accuracy.options import CheckOptions
from benchmarks.accuracy.plan import plan_check
from benchmarks.run_check import measure
from dlgsanet.command_line.voice import PLAIN
from dlgsanet.errors import GateError, InputError
from dlgsanet.storage.atomic import sha256_file
from export import ExportOptions, export_bundle
from export.bundle import frame_tiles
from export.networks.arithmetic.widen import Widening, widened
from export.networks.network import NetworkOptions
from export.networks.onnx_file import network as onnx_network
from export.networks.onnx_file.contents import holds_half
from export.quantization.options import CalibrationOptions
from runtimes import open_runner
from runtimes.bundle.manifest import read_manifest
from tests.export.networks.onnx_file.changes import DEVIATION, MEAN, in_bf16, wanting_norms

MakeFile = Callable[..., Path]
TILE = (24, 24)


def test_a_file_becomes_a_bundle_that_check_passes(onnx_file: MakeFile, tmp_path: Path) -> None:
    path = onnx_file(top=255.0, layout="NHWC")
    bundle = tmp_path / "bundle"
    export_bundle(path, bundle, ExportOptions(("onnxruntime-fp32", "openvino-fp32"), (TILE,)))
    manifest = read_manifest(bundle)
    assert manifest.source.foreign is not None and manifest.source.foreign.pixels.top == 255
    assert (manifest.name, manifest.scale, manifest.reference.checkpoint) == ("other", 2, "reference/network.onnx")
    assert (bundle / "reference/network.onnx").read_bytes() == path.read_bytes()
    assert manifest.artifacts[0].graph.blocks is None
    assert manifest.artifacts[0].certificate is not None and manifest.artifacts[0].certificate.arithmetic == "float64"
    lr = np.random.default_rng(0).random((1, 3, 30, 40), np.float32)
    with open_runner(bundle, "openvino-fp32") as run:
        assert run(lr).shape == (1, 3, 60, 80)
    found = measure(plan_check(CheckOptions(bundle, below_bicubic=True)), PLAIN)
    assert [record.gate for record in found.result.records if record.role == "artifact"] == ["pass", "pass"]
    assert [record.artifact for record in found.result.records if record.role == "reference"] == [
        "onnxruntime-reference-24x24"
    ]


def in_fp16(model: onnx.ModelProto, ports: bool = True) -> None:
    for tensor in model.graph.initializer:
        if tensor.name != "sizes":
            half = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(half, tensor.name))
    if ports:
        for value in (*model.graph.input, *model.graph.output):
            value.type.tensor_type.elem_type = TensorProto.FLOAT16
    else:  # as converters leave it: casts at the ends of the list
        model.graph.node[0].input[0], model.graph.node[-1].output[0] = "halves", "result"
        model.graph.node.append(helper.make_node("Cast", ["image"], ["halves"], to=TensorProto.FLOAT16))
        model.graph.node.append(helper.make_node("Cast", ["result"], ["large"], to=TensorProto.FLOAT))


def test_a_file_that_is_too_large_in_fp32_is_told_so(onnx_file: MakeFile, monkeypatch: pytest.MonkeyPatch) -> None:
    path = onnx_file(in_fp16)
    monkeypatch.setattr(onnx_network, "MOST_BYTES", path.stat().st_size * 2 - 1)
    with pytest.raises(InputError, match=r"other\.onnx is in fp16, and in fp32 it is larger than 0 MiB"):
        onnx_network.open_onnx(path, NetworkOptions())


@pytest.mark.parametrize("ports", [True, False])
def test_a_file_in_fp16_is_judged_by_its_numbers_in_fp32(onnx_file: MakeFile, tmp_path: Path, ports: bool) -> None:
    path, bundle, said = onnx_file(lambda model: in_fp16(model, ports)), tmp_path / "bundle", []
    export_bundle(path, bundle, ExportOptions(("onnxruntime-fp32",), (TILE,)), said.append)
    manifest = read_manifest(bundle)
    assert manifest.source.foreign is not None and manifest.source.foreign.dtype == "float32"
    assert manifest.source.sha256 == sha256_file(path) and not holds_half(onnx.load(bundle / "reference/network.onnx"))
    assert manifest.artifacts[0].certificate is not None and manifest.artifacts[0].certificate.arithmetic == "float64"
    assert any("is in fp16: the reference is the same numbers in fp32" in line for line in said)
    found = measure(plan_check(CheckOptions(bundle, below_bicubic=True)), PLAIN)
    assert [record.gate for record in found.result.records if record.role == "artifact"] == ["pass"]


def test_another_network_in_fp32_is_refused(onnx_file: MakeFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(model: onnx.ModelProto, by: Widening) -> onnx.ModelProto:
        made = widened(model, by)
        (weight,) = [tensor for tensor in made.graph.initializer if tensor.name == "w2"]
        weight.CopyFrom(numpy_helper.from_array(30 * numpy_helper.to_array(weight), "w2"))
        return made

    path = onnx_file(in_fp16)
    assert onnx_network.open_onnx(path, NetworkOptions()).looked.foreign.dtype == "float32"
    monkeypatch.setattr(onnx_network, "widened", damaged)
    with pytest.raises(GateError, match=r"other.onnx in fp32 is \d+\.\d dB from the file in fp16, at least 35 dB"):
        onnx_network.open_onnx(path, NetworkOptions())


def test_a_tile_that_does_not_fit_into_the_memory_is_refused(
    onnx_file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = onnx_network.open_onnx(onnx_file(), NetworkOptions())
    network = replace(network, looked=replace(network.looked, pixel_bytes=100_000))
    monkeypatch.setattr(onnx_network, "available_bytes", lambda: 1 << 30)
    network.refuse(NetworkOptions(), [(64, 64)])
    with pytest.raises(InputError, match=r"takes 1.6 GB for a tile of 128x128, .* 1.1 GB are free: give a smaller"):
        network.refuse(NetworkOptions(), [(64, 64), (128, 128)])


def test_int8_layers_are_chosen_by_what_each_loses(onnx_file: MakeFile, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    options = ExportOptions(("openvino-int8",), (TILE,), calibration=CalibrationOptions(tiles=8))
    export_bundle(onnx_file(inner=3, channels=16), bundle, options)
    choice = read_manifest(bundle).artifacts[0].choice
    assert choice is not None and choice.int8 is not None and "by the loss of each" in str(choice.int8)
    assert set(choice.int8.layers) <= {"conv_2.Conv", "conv_3.Conv", "conv_4.Conv"}
    with open_runner(bundle, "openvino-int8") as run:
        assert run.info.reported_precision == "int8"


def test_a_graph_that_is_not_the_files_writes_nothing(
    onnx_file: MakeFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = onnx_network.open_untouched

    def faulty(path: Path, foreign: object) -> object:
        run = real(path, foreign)  # type: ignore[arg-type]
        return (lambda lr: run(lr) + np.float32(1e-4)) if path.name == "graph.onnx" else run

    monkeypatch.setattr(onnx_network, "open_untouched", faulty)
    with pytest.raises(GateError, match="differs from the untouched file by 1"):
        export_bundle(onnx_file(), tmp_path / "b", ExportOptions(("onnxruntime-fp32",), (TILE,), top=1.0))
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (ExportOptions(("onnxruntime-fp32",), (TILE,), lowering="basis"), "--lowering is for DLGSANet checkpoints"),
        (ExportOptions(("onnxruntime-fp32",), (TILE,), tune=True), "--tune is for DLGSANet"),
        (ExportOptions(("onnxruntime-fp32",), (TILE,), basis_rank=3), "--basis-rank is for DLGSANet"),
        (ExportOptions(("onnxruntime-fp32",), ((32, 32),)), "takes 24x24 alone, found a tile of 32x32"),
    ],
)
def test_what_cannot_be_is_refused(onnx_file: MakeFile, tmp_path: Path, options: ExportOptions, words: str) -> None:
    with pytest.raises(InputError, match=words):
        export_bundle(onnx_file(sides=TILE), tmp_path / "b", options)
    assert not (tmp_path / "b").exists()


def test_an_operator_that_core_ml_lacks_is_refused_before_the_work(onnx_file: MakeFile, tmp_path: Path) -> None:
    def with_asinh(model: onnx.ModelProto) -> None:
        model.graph.node[-1].CopyFrom(helper.make_node("Asinh", ["sr_planes"], ["large"]))

    options = ExportOptions(("onnxruntime-fp32", "coreml-fp32"), (TILE,), top=1.0)
    with pytest.raises(
        InputError, match=r"no form of Asinh \(\w*[Aa]sinh\w*\.Asinh\) is known for Core ML: leave coreml out"
    ):
        export_bundle(onnx_file(with_asinh), tmp_path / "b", options)
    assert not (tmp_path / "b").exists()


def test_frames_get_tiles_of_multiples_that_the_file_takes(
    onnx_file: MakeFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = onnx_network.open_onnx(onnx_file(), NetworkOptions(top=1.0))
    assert [network.side_step(side) for side in (96, 40, 33)] == [16, 8, 1]
    monkeypatch.setattr(frame_tiles, "YARDSTICK", TILE)
    options = ExportOptions(("onnxruntime-fp32",), frames=((30, 40),), top=1.0)
    (artifact,) = export_bundle(onnx_file(), tmp_path / "b", options).artifacts
    (plan,) = artifact.frames
    assert plan.cost is not None and artifact.tile in (TILE, (32, 40))


def test_a_file_of_one_size_has_no_tile_for_other_frames(onnx_file: MakeFile, tmp_path: Path) -> None:
    options = ExportOptions(("onnxruntime-fp32",), frames=((90, 160),), top=1.0)
    with pytest.raises(InputError, match="frames of 160x90 fits"):
        export_bundle(onnx_file(sides=TILE), tmp_path / "b", options)


def test_a_file_in_bf16_is_exported_as_its_numbers_in_fp32(onnx_file: MakeFile, tmp_path: Path) -> None:
    path = onnx_file(in_bf16)
    network = onnx_network.open_onnx(path, NetworkOptions())
    assert any("is in bf16: the reference is the same numbers in fp32" in note for note in network.notes)
    export_bundle(path, tmp_path / "b", ExportOptions(("onnxruntime-fp32",), (TILE,)))
    assert read_manifest(tmp_path / "b").source.config["stored_in"] == "bf16, widened to fp32"


def test_a_mean_goes_into_the_graph_and_the_card(onnx_file: MakeFile, tmp_path: Path) -> None:
    path = onnx_file(lambda model: wanting_norms(model, True))
    options = ExportOptions(("onnxruntime-fp32",), (TILE,), mean=MEAN, deviation=DEVIATION)
    manifest = export_bundle(path, tmp_path / "b", options)
    assert manifest.source.foreign is not None and manifest.source.foreign.pixels.output == "normalized"
    assert "less the mean 0.485 0.456 0.406 over the deviation" in (tmp_path / "b" / "README.md").read_text()
    lr = np.random.default_rng(0).random((1, 3, *TILE), np.float32)
    plain = onnx_network.open_onnx(onnx_file(), NetworkOptions()).prepare(NetworkOptions(), print).reference
    with open_runner(tmp_path / "b", "onnxruntime-fp32") as run:
        np.testing.assert_allclose(run(lr), plain(lr), atol=1e-4)
