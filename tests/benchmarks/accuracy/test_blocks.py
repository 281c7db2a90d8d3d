"""Errors by block: the same names on every backend, and a planted fault shows in its block and not before."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import run_check
from benchmarks.accuracy.blocks import BlockNames, block_names, twin_fault
from benchmarks.accuracy.options import CheckOptions
from benchmarks.accuracy.plan import plan_check
from benchmarks.records.accuracy import AccuracyRecord
from benchmarks.records.inside import BlockRecord
from benchmarks.records.result_file import read_result
from benchmarks.report.terminal_blocks import line, worst
from dlgsanet.checkpoints import save_checkpoint
from dlgsanet.command_line.voice import PLAIN
from dlgsanet.errors import InputError
from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet
from dlgsanet.storage.atomic import sha256_file
from dlgsanet.storage.typed_json import decode
from export.bundle.options import ExportOptions
from export.bundle.writer import export_bundle
from export.quantization.options import CalibrationOptions
from runtimes import open_runner
from runtimes.bundle.artifact_facts import Cost
from runtimes.file_formats.onnx_file import tensor_names, with_outputs

for package in ("onnxruntime", "openvino", "coremltools", "onnx"):
    pytest.importorskip(package)

TILE = (48, 64)  # windows on a grid, so that every pass of the fast graphs takes part
NAMES = ("onnxruntime-fp32", "openvino-fp32", "openvino-bf16", "coreml-fp16")
FAULTY = "g0.b0.gsa"


@pytest.fixture(scope="module")
def model() -> DLGSANet:
    torch.manual_seed(0)
    made = DLGSANet(ModelConfig(12, 1, 1, 4)).eval().requires_grad_(False)
    for name, parameter in made.named_parameters():
        if "norm" in name or "temperature" in name:
            parameter += 0.3 * torch.randn_like(parameter)
    return made


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, model: DLGSANet) -> Path:
    folder = tmp_path_factory.mktemp("blocks")
    save_checkpoint(folder / "small.safetensors", model, {})
    export_bundle(folder / "small.safetensors", folder / "b", ExportOptions(NAMES, (TILE,)))
    return folder / "b"


def checked(bundle: Path, place: Path) -> dict[str, BlockRecord]:
    """Family -> record of `check --blocks`; random weights may fail the gates, which is not the point here."""
    from dlgsanet.__main__ import main

    main(["check", str(bundle), "--blocks", "--threads", "1", "--json", str(place)])
    return {record.artifact.rpartition("-")[0]: record for record in read_result(place).of(BlockRecord)}


def decibels(record: BlockRecord, kind: str) -> dict[str, float]:
    return {row.name: np.inf if (value := getattr(row, kind)) is None else value for row in record.blocks}


def edit_manifest(bundle: Path, edit: Any) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    for entry in manifest["artifacts"]:
        edit(entry)
        entry["files"] = {path: sha256_file(bundle / path) for path in entry["files"]}
    (bundle / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture(scope="module")
def clean(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, BlockRecord]:
    return checked(bundle, tmp_path_factory.mktemp("clean") / "r.json")


def test_all_backends_have_the_same_blocks_and_are_near(clean: dict[str, BlockRecord]) -> None:
    assert set(clean) == set(NAMES)
    for family, least in zip(NAMES, (100, 100, 35, 45), strict=True):
        record = clean[family]
        if record.gate == "not run":  # a CPU without bf16
            assert family == "openvino-bf16"
            continue
        assert [row.name for row in record.blocks] == [
            "shallow", "g0.b0.mhdlsa", "g0.b0.mhdlsa.gdfn", FAULTY, "g0.b0.gsa.gdfn", "g0.conv", "deep", "sr"
        ]  # fmt: skip
        assert min(decibels(record, "total_db").values()) > least  # turned back: else they would have nothing in common
        assert min(decibels(record, "added_db").values()) > least


def planted(bundle: Path, model: DLGSANet, fake: Path, factor: float) -> int:
    """A copy of the bundle with v of the global attention `factor` times as large in every artifact; how many places
    were changed."""
    shutil.copytree(bundle, fake)
    block = model.deep_feature_extraction[0].body[1]
    weight = block.restormer_attn.qkv_dwconv.weight[24:].numpy()
    hits = 0
    for path in [it for it in fake.rglob("*") if it.suffix in (".onnx", ".bin")]:
        data = path.read_bytes()
        for kind in (np.float32, np.float16):
            right, wrong = weight.astype(kind).tobytes(), (factor * weight).astype(kind).tobytes()
            hits += data.count(right)
            data = data.replace(right, wrong)
        path.write_bytes(data)
    edit_manifest(fake, lambda entry: None)
    return hits


def test_a_device_that_computes_something_else_is_told_by_its_block(
    bundle: Path, model: DLGSANet, tmp_path: Path
) -> None:
    """As an NPU that compiles windowed attention wrongly: the probes come first, the images are spared, and the block
    is named unasked. On the processor under another name, since no other device is here."""
    assert planted(bundle, model, tmp_path / "fake", 200.0) == len(NAMES)
    options = CheckOptions(tmp_path / "fake", artifacts=("onnxruntime",), device="CPUExecutionProvider", threads=1)
    found = run_check.measure(plan_check(options), PLAIN)
    record = found.result.of(AccuracyRecord)[0]
    assert record.gate == "fail" and not record.images
    assert re.match(r"CPUExecutionProvider makes another picture: 8x8 patch of \w+ probe tiles: ", record.reason)
    assert f"the first block that computes something else is {FAULTY} (" in record.reason
    right = replace(options, bundle=bundle)
    assert not run_check.measure(plan_check(right), PLAIN).result.of(BlockRecord)


def test_a_wrong_weight_shows_in_its_block_and_not_before(bundle, model, clean, tmp_path) -> None:
    """The planted fault: v of the global attention half as large again, in the weights of every artifact."""
    fake = tmp_path / "fake"
    assert planted(bundle, model, fake, 1.5) == len(NAMES)
    edit_manifest(fake, lambda entry: None)
    for family, record in checked(fake, tmp_path / "r.json").items():
        if record.gate == "not run":
            continue
        total, added = decibels(record, "total_db"), decibels(record, "added_db")
        names = list(total)
        before, after = names[: names.index(FAULTY)], names[names.index(FAULTY) + 1 :]
        right = decibels(clean[family], "total_db")
        assert all(total[name] == pytest.approx(right[name], abs=0.5) for name in before), family
        assert total[FAULTY] < right[FAULTY] - 5 and total[after[0]] < right[after[0]] - 5
        assert added[FAULTY] < min(value for name, value in added.items() if name != FAULTY)  # and not behind it
        assert worst(record)[0].name == FAULTY and f"most is added by {FAULTY}" in line(record)


@pytest.mark.slow
def test_a_wrong_weight_of_int8_artifacts_shows_in_its_block(tmp_path: Path) -> None:
    """The planted fault in the stored bytes of the shipped nano-x4, since quantizing random weights drowns it: the
    sign of v's filters in one global attention."""
    pytest.importorskip("nncf")
    pytest.importorskip("skimage")
    names, faulty = ("onnxruntime-int8", "openvino-int8", "openvino-int8-mixed"), "g0.b0.gsa"
    options = ExportOptions(names, (TILE,), calibration=CalibrationOptions(tiles=12))
    export_bundle("nano-x4", tmp_path / "b", options)
    right = checked(tmp_path / "b", tmp_path / "right.json")
    for path in [it for it in (tmp_path / "b").rglob("*") if it.suffix in (".onnx", ".xml")]:
        values = stored_int8(path, "deep_feature_extraction.0.body.1.restormer_attn.depthwise.2.Conv")
        holder = path if path.suffix == ".onnx" else path.with_suffix(".bin")
        assert holder.read_bytes().count(values.tobytes()) == 1
        holder.write_bytes(holder.read_bytes().replace(values.tobytes(), (-values).tobytes()))
    edit_manifest(tmp_path / "b", lambda entry: None)
    for family, record in checked(tmp_path / "b", tmp_path / "wrong.json").items():
        if record.gate == "not run":
            continue
        added, before = decibels(record, "added_db"), decibels(right[family], "added_db")
        assert added[faulty] < before[faulty] - 10, family
        assert worst(record)[0].name == faulty


def stored_int8(path: Path, convolution: str) -> np.ndarray:
    """The weights of a convolution as the file holds them."""
    if path.suffix == ".onnx":
        import onnx

        graph = onnx.load(path).graph
        makers = {node.output[0]: node for node in graph.node}
        name = next(node.input[1] for node in graph.node if node.name == convolution)
        while name in makers:
            name = makers[name].input[0]
        return onnx.numpy_helper.to_array(next(it for it in graph.initializer if it.name == name))
    import openvino

    model = openvino.Core().read_model(path)
    node = next(op for op in model.get_ops() if op.get_friendly_name() == convolution).input(1)
    while node.get_source_output().get_node().get_type_name() != "Constant":
        node = node.get_source_output().get_node().input(0)
    return np.array(node.get_source_output().get_node().data)


def test_a_bundle_without_names_says_so(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from dlgsanet.__main__ import main

    old = Path(shutil.copytree(bundle, tmp_path / "old"))
    edit_manifest(old, lambda entry: entry["graph"].pop("blocks"))
    code = main(["check", str(old), "--blocks", "--threads", "1", "--artifact", "onnxruntime-fp32"])
    assert code in (1, 3)  # 3, unless a gate failed on these random weights
    assert "does not say which tensors are the blocks' outputs: export it again" in capsys.readouterr().out


@pytest.mark.parametrize("family", ["onnxruntime-fp32", "openvino-fp32", "coreml-fp16"])
def test_a_tensor_that_is_not_there_is_named(bundle: Path, family: str) -> None:
    device = "coreml-reference" if family.startswith("coreml") else "CPU"
    lr = np.zeros((1, 3, *TILE), np.float32)
    with (
        pytest.raises(InputError, match="'nothing'"),
        open_runner(bundle, family, device=device, threads=1, taps=("nothing",)) as run,
    ):
        run.inspect(lr)


@pytest.mark.parametrize("graph", [{"blocks": 3}, {"blocks": {}}, {"blocks": {"tensors": {}, "reflected_along": 1}}])
def test_nonsense_in_the_manifest_is_refused(graph: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"a\.blocks.*(expected|missing)"):
        decode(Cost, graph, "a")
    assert block_names(Cost()) is None


def test_a_turned_stream_is_turned_back() -> None:
    from export.rewriting.passes.residual_stream import reflection

    h = reflection(12, torch.float64).numpy()
    v = (1 / np.sqrt(12) - 1, *[1 / np.sqrt(12)] * 11)
    stream = np.random.default_rng(0).random((1, 12, 4, 5)).astype(np.float32)
    turned = np.einsum("ij,bjhw->bihw", h, stream).astype(np.float32)
    found = BlockNames({"deep": "t"}, v).values(stream, {"t": turned}, stream)["deep"]
    assert np.abs(found - stream).max() < 1e-6


def test_a_twin_of_another_quality_is_refused(clean: dict[str, BlockRecord]) -> None:
    assert twin_fault(60.0, 58.2, 58.6) is None  # other roundings, as many
    assert twin_fault(125.0, 138.0, 141.0) is None  # fp32's own
    reason = twin_fault(60.0, 75.0, 58.6)
    assert reason is not None and "75.0 dB to the reference, the artifact 58.6" in reason
    record = replace(clean["onnxruntime-fp32"], gate="not run", reason=reason, blocks=())
    assert line(record).startswith("onnxruntime-fp32-48x64: blocks not shown: with its blocks as outputs")


def test_outputs_written_behind_an_onnx_file_are_its_own(bundle: Path) -> None:
    import onnx

    data = next((bundle / "onnx").glob("*.onnx")).read_bytes()
    model = onnx.load_from_string(with_outputs(data, ["a.Add", "b"]))
    assert [out.name for out in model.graph.output] == ["sr", "a.Add", "b"]
    assert model.graph.output[1].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert tensor_names(data) == {name for node in model.graph.node for name in node.output}
    assert with_outputs(data, []) == data
