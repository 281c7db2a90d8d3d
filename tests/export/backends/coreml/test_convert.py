"""Packages from a small random network: what they compute, what they say, how large they are, and planted faults.

They are executed by the interpreter, from the files on the disk.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.gates.accuracy_gates import Figures, judge
from dlgsanet import load_model
from dlgsanet.checkpoints import save_checkpoint
from dlgsanet.metrics import psnr_float
from dlgsanet.network.model import DLGSANet
from dlgsanet.storage.typed_json import to_json
from export.bundle.options import ExportOptions
from export.bundle.writer import export_bundle
from export.quantization.options import CalibrationOptions
from runtimes import open_runner
from runtimes.backends.coreml import REFERENCE
from runtimes.backends.coreml.mil.neural_engine_card import Ranges, card
from runtimes.backends.coreml.mil.program import read_model
from runtimes.backends.coreml.reference import SPECIFICATION, MilRunner, read_package
from runtimes.bundle.manifest import manifest_json, read_manifest

pytest.importorskip("coremltools")
MIL = pytest.importorskip("coremltools.proto.MIL_pb2")
MODEL = pytest.importorskip("coremltools.proto.Model_pb2")

TILE = (48, 40)
NAMES = ("coreml-fp32", "coreml-int8", "coreml-int8w")
WEIGHTS = "Data/com.apple.CoreML/weights/weight.bin"
MakeModel = Callable[..., DLGSANet]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, make_model: MakeModel) -> Path:
    """A bundle of the packages; attention windows smaller than the tile are the shipped networks' business."""
    folder = tmp_path_factory.mktemp("coreml")
    save_checkpoint(folder / "small.safetensors", make_model(24), {"licence": "CC0"})
    export_bundle(
        folder / "small.safetensors",
        folder / "bundle",
        ExportOptions(NAMES, (TILE,), calibration=CalibrationOptions("", 8)),
    )
    return folder / "bundle"


@pytest.fixture(scope="module")
def halves(make_model: MakeModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same network in fp16, with arrays and with pictures."""
    folder = tmp_path_factory.mktemp("halves")
    save_checkpoint(folder / "small.safetensors", make_model(24), {"licence": "CC0"})
    export_bundle(folder / "small.safetensors", folder / "b", ExportOptions(("coreml-fp16",), (TILE,), image=True))
    return folder / "b"


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(made, tmp_path / "bundle"))


@pytest.fixture(scope="module")
def lr() -> np.ndarray:
    return np.random.default_rng(2).random((1, 3, *TILE), dtype=np.float32)


@pytest.fixture(scope="module")
def expected(made: Path, lr: np.ndarray) -> np.ndarray:
    model = load_model(made / read_manifest(made).reference.checkpoint)
    with torch.inference_mode():
        return model(torch.from_numpy(lr)).numpy()


def decibels(bundle: Path, name: str, lr: np.ndarray, expected: np.ndarray) -> float:
    with open_runner(bundle, name, device=REFERENCE) as run:
        assert run.info.precision_mismatch is None
        return psnr_float(run.infer(lr), expected)


@pytest.mark.parametrize(
    ("name", "least"),
    [("coreml-fp32", 120.0), ("coreml-fp16-48", 55.0), ("coreml-int8-", 25.0), ("coreml-int8w", 35.0)],
)
def test_packages_compute_the_network(made, halves, lr, expected, name, least) -> None:
    assert decibels(halves if "fp16" in name else made, name, lr, expected) > least


@pytest.mark.slow
def test_tables_get_better_with_their_size(make_model, lr, expected, tmp_path) -> None:
    """coremltools' k-means alone would make tables of 256 worse than those of 16: see weights.py."""
    save_checkpoint(tmp_path / "small.safetensors", make_model(24), {})
    names = ("coreml-pal4", "coreml-pal6", "coreml-pal8")
    export_bundle(tmp_path / "small.safetensors", tmp_path / "b", ExportOptions(names, (TILE,)))
    found = [decibels(tmp_path / "b", name, lr, expected) for name in names]
    assert found == sorted(found) and found[2] > 50


@pytest.mark.slow
@pytest.mark.parametrize("newer", ["iOS18", "iOS26"])
def test_operators_of_newer_systems_say_the_same_as_those_before(made, lr, tmp_path, newer) -> None:
    """Quantized weights and tables have other operators there; what they decompress to is what it was, bit for bit."""
    checkpoint = made / read_manifest(made).reference.checkpoint
    names = ("coreml-int8", "coreml-int8w", "coreml-pal8", "coreml-pal6", "coreml-pal4")
    for system in ("iOS17", newer):
        options = ExportOptions(names, (TILE,), calibration=CalibrationOptions("", 8), deployment=system)
        export_bundle(checkpoint, tmp_path / system, options)
    for artifact in read_manifest(tmp_path / newer).artifacts:
        kinds = {operation.kind for operation in read_package(tmp_path / newer, artifact)[0].operations}
        assert "constexpr_affine_dequantize" not in kinds and any(kind.startswith("constexpr_") for kind in kinds)
        found = []
        for system in ("iOS17", newer):
            with open_runner(tmp_path / system, artifact.id, device=REFERENCE) as run:
                assert run.info.reported_precision == artifact.precision
                found.append(run.infer(lr))
        assert np.array_equal(*found)


def test_pictures_in_and_out_are_whole_numbers(halves, lr, expected) -> None:
    pixels = np.rint(lr * 255) / np.float32(255)
    with open_runner(halves, "coreml-fp16-image", device=REFERENCE) as run:
        sr = run.infer(lr)
        assert np.array_equal(run.infer(pixels.astype(np.float32)), sr)
    assert np.abs(sr * 255 - np.rint(sr * 255)).max() < 1e-4 and sr.min() >= 0 and sr.max() <= 1
    assert np.abs(sr - np.clip(expected, 0, 1)).max() < 0.02
    port = next(a for a in read_manifest(halves).artifacts if a.variant == "image").input
    assert (port.layout, port.dtype, port.range) == ("NCHW pixels", "uint8", (0.0, 255.0))


def test_the_package_says_what_it_is(halves) -> None:
    artifact = read_manifest(halves).artifacts[0]
    model, _ = read_package(halves, artifact)
    said = model.metadata
    assert said["author"] == "DLGSANet Edge" and said["license"] == "CC0" and said["versionString"]
    assert "48x40" in model.inputs[0].description and "[0, 1]" in model.inputs[0].description
    assert "not clamped" in model.outputs[0].description
    assert said["id"] == artifact.id and json.loads(said["tile"]) == [48, 40]
    assert json.loads(said["certificate"]) == to_json(artifact.certificate)


def test_int8_quantizes_activations_with_the_scales_that_the_manifest_vouches_for(made) -> None:
    manifest = read_manifest(made)
    artifact = next(a for a in manifest.artifacts if a.precision == "int8")
    kinds = [operation.kind for operation in read_package(made, artifact)[0].operations]
    assert kinds.count("quantize") == kinds.count("dequantize") > 5
    assert kinds.count("constexpr_affine_dequantize") > 3
    assert artifact.calibration_sha256 is not None
    others = [a for a in manifest.artifacts if a.precision != "int8"]
    assert all(a.calibration_sha256 is None for a in others)


def test_weights_shrink_as_promised(made, halves) -> None:
    artifacts = [(made, a) for a in read_manifest(made).artifacts] + [(halves, read_manifest(halves).artifacts[0])]
    sizes = {a.precision: (bundle / a.path / WEIGHTS).stat().st_size for bundle, a in artifacts}
    assert sizes["fp16"] < 0.55 * sizes["fp32"] and sizes["int8w"] < 0.75 * sizes["fp16"]
    assert sizes["int8"] < 0.4 * sizes["fp32"]


@pytest.mark.parametrize("precision", ["int8w", "int8"])
def test_the_first_and_the_last_convolution_keep_fp16(made, precision) -> None:
    artifact = next(a for a in read_manifest(made).artifacts if a.precision == precision)
    operations = read_package(made, artifact)[0].operations
    smaller = {name for op in operations if op.kind.startswith("constexpr") for name, _ in op.outputs}
    weights = [op.inputs["weight"][0] for op in operations if op.kind == "conv"]
    stored = [name in smaller for name in weights]
    assert not stored[0] and not stored[-1] and sum(stored) > len(stored) / 2


@pytest.mark.slow
def test_the_same_input_gives_the_same_bytes(made, tmp_path) -> None:
    checkpoint = made / read_manifest(made).reference.checkpoint
    for folder in ("a", "b"):
        export_bundle(checkpoint, tmp_path / folder, ExportOptions(("coreml-fp16",), (TILE,)))
    first, second = (read_manifest(tmp_path / folder).artifacts[0] for folder in ("a", "b"))
    assert first.files == second.files


Edit = Callable[[Any, bytearray], None]


def operations(spec: Any) -> Any:
    main = spec.mlProgram.functions["main"]
    return main.block_specializations[main.opset].operations


def constant(spec: Any, name: str) -> Any:
    """The immediate tensor of the constant of this name."""
    found = next(it for it in operations(spec) if it.type == "const" and it.outputs[0].name == name)
    return found.attributes["val"].immediateValue.tensor


def wrong_scale(spec: Any, weights: bytearray) -> None:
    """The attention's temperature, or another factor: 2 % too large."""
    for operation in operations(spec):
        if operation.type == "mul" and operation.inputs["y"].arguments[0].name.startswith("c"):
            values = constant(spec, operation.inputs["y"].arguments[0].name).floats.values
            values[:] = [value * 1.02 for value in values]
            return
    raise AssertionError("no factor found")


def swapped_axis(spec: Any, weights: bytearray) -> None:
    """The first 3x3 kernels with their rows as columns."""
    for operation in operations(spec):
        sizes = [d.constant.size for d in operation.outputs[0].type.tensorType.dimensions]
        if operation.type == "const" and sizes == [24, 3, 3, 3]:
            start = int.from_bytes(
                weights[(at := operation.attributes["val"].blobFileValue.offset) + 16 : at + 24], "little"
            )
            end = start + 4 * 24 * 27
            kernels = np.frombuffer(bytes(weights[start:end]), "<f4").reshape(sizes)
            weights[start:end] = kernels.transpose(0, 1, 3, 2).tobytes()
            return
    raise AssertionError("no 3x3 kernels found")


def wrong_pad(spec: Any, weights: bytearray) -> None:
    """A 3x3 convolution shifted by one pixel: as much padding, but on one side."""
    for operation in operations(spec):
        if operation.type == "conv":
            values = constant(spec, operation.inputs["pad"].arguments[0].name).ints.values
            if list(values) == [1, 1, 1, 1]:
                values[:] = [2, 0, 1, 1]
                return
    raise AssertionError("no padded convolution found")


def nothing(spec: Any, weights: bytearray) -> None:
    """The control: written again as it was."""


def edited(bundle: Path, name: str, edit: Edit) -> Path:
    """Change the program or weights of an artifact and their hashes: only the numbers can tell."""
    manifest = read_manifest(bundle)
    index = next(i for i, a in enumerate(manifest.artifacts) if a.id.startswith(name))
    artifact = manifest.artifacts[index]
    paths = [f"{artifact.path}/{name}" for name in (SPECIFICATION, WEIGHTS)]
    spec, weights = MODEL.Model(), bytearray((bundle / paths[1]).read_bytes())
    spec.ParseFromString((bundle / paths[0]).read_bytes())
    edit(spec, weights)
    files = dict(artifact.files)
    for path, data in zip(paths, (spec.SerializeToString(), bytes(weights)), strict=True):
        (bundle / path).write_bytes(data)
        files[path] = hashlib.sha256(data).hexdigest()
    artifacts = list(manifest.artifacts)
    artifacts[index] = replace(artifact, files=files)
    (bundle / "manifest.json").write_text(manifest_json(replace(manifest, artifacts=tuple(artifacts))))
    return bundle


@pytest.mark.parametrize(
    ("edit", "gate"), [(nothing, "pass"), (wrong_scale, "fail"), (swapped_axis, "fail"), (wrong_pad, "fail")]
)
def test_planted_faults_fail_the_gate(bundle, lr, expected, edit: Edit, gate: str) -> None:
    distance = decibels(edited(bundle, "coreml-fp32", edit), "coreml-fp32", lr, expected)
    verdict = judge(Figures("fp32", "fp32", 0.0, 0.0, distance, distance, 0.0))
    assert verdict.gate == gate, f"{distance:.1f} dB"


def test_the_reader_agrees_with_apples_protocol_buffers(made) -> None:
    """Two readers of one file: ours, and the classes that Apple generates."""
    path = made / read_manifest(made).artifacts[2].path / SPECIFICATION
    ours = read_model(path.read_bytes())
    spec = MODEL.Model()
    spec.ParseFromString(path.read_bytes())
    theirs = operations(spec)
    assert ours.version == spec.specificationVersion and len(ours.operations) == len(theirs)
    for mine, other in zip(ours.operations, theirs, strict=True):
        assert mine.kind == other.type and set(mine.inputs) == set(other.inputs)
        for name, bound in mine.inputs.items():
            assert list(bound) == [item.name for item in other.inputs[name].arguments]
        for (name, kind), out in zip(mine.outputs, other.outputs, strict=True):
            assert name == out.name and kind.shape == tuple(d.constant.size for d in out.type.tensorType.dimensions)


def test_the_card_counts_what_the_program_says(made, halves, lr) -> None:
    full, half = read_manifest(made).artifacts[0], read_manifest(halves).artifacts[0]
    fp32, fp16 = card(read_package(made, full)[0]), card(read_package(halves, half)[0])
    assert fp32.off_engine == {"fp32": fp32.operators}
    assert fp16.off_engine == {"casts of the input and output": 2} and max(fp16.ranks) == 4
    assert fp32.weight_bytes == pytest.approx(2 * fp16.weight_bytes, rel=0.02)
    assert fp16.largest[1] >= 24 * 4 * TILE[0] * TILE[1] and "known to leave it: 2" in fp16.summary
    ranges = Ranges()
    runner = MilRunner(halves, half, 4)
    runner.observe = ranges
    with runner as run:
        run.infer(lr)
    assert {"g0b0", "g0b1", "upsample"} <= set(ranges.used) and 0 < max(ranges.used.values()) < 1


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML itself would run")
def test_check_judges_by_the_interpreter_and_says_so(bundle, tmp_path, capsys) -> None:
    from dlgsanet.__main__ import main

    command = ["check", str(bundle), "--artifact", "coreml-fp32", "--json", str(tmp_path / "r.json"), "--threads", "1"]
    edited(bundle, "coreml-fp32", wrong_pad)
    assert main(command) == 1
    assert "2 of 2 accuracy gates failed: coreml-fp32" in capsys.readouterr().err  # the random network is none, either
    record = json.loads((tmp_path / "r.json").read_text())["records"][0]
    assert record["device"] == REFERENCE and record["gate"] == "fail"
    assert "dB to the reference <" in record["reason"] and "not run on Apple hardware" in record["reason"]
    assert "Neural Engine card" in record["reason"]


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML itself would run")
def test_the_interpreter_is_in_no_latency_table(made, capsys) -> None:
    from dlgsanet.__main__ import main

    assert main(["bench", str(made), "--artifact", "coreml-fp32", "--runs", "5"]) == 3
    assert "Core ML runs on macOS only" in capsys.readouterr().err
    assert main(["bench", str(made), "--device", REFERENCE]) == 2
    assert "its times say nothing" in capsys.readouterr().err


def test_the_card_is_a_verb(halves, capsys) -> None:
    from dlgsanet.__main__ import main

    assert main(["card", str(halves), "--artifact", "coreml-fp16-4", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["coreml-fp16-48x40"]
    assert found["package_bytes"] > found["card"]["weight_bytes"] > 0 and "g0b0" in found["range_used"]
    assert main(["card", str(halves), "--artifact", "coreml-fp16-4"]) == 0
    printed = capsys.readouterr()
    assert "fp16 range used: " in printed.out
    assert "upscale takes the fastest; it has timed none here yet" in printed.err
    assert main(["card", str(halves), "--artifact", "coreml-fp17"]) == 2
