"""tensorrt artifacts: what a bundle holds, what is judged where no engine runs, and what is refused."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from dlgsanet.__main__ import main
from dlgsanet.errors import BackendError, InputError, UnavailableError
from export.backends.registry import backend_of
from export.backends.tensorrt.build_recipe import RELEASES, trtexec
from export.backends.tensorrt.typed_graphs import require_head_room, typed_graphs
from export.backends.tensorrt.without_bundle import make_onnx
from export.bundle.options import ExportOptions
from export.bundle.writer import export_bundle
from export.graph.graph import Graph
from export.quantization.options import CalibrationOptions
from export.targets.table import Target
from runtimes import open_runner
from runtimes.backends.registry import judges
from runtimes.backends.tensorrt import REFERENCE, REFERENCE_FP16_SCALES
from runtimes.backends.tensorrt.lint.lint import require_clean
from runtimes.bundle.manifest import read_manifest
from tests.export.backends.tensorrt.operator_cases import Case, of_case

pytest.importorskip("skimage")
TILE = (32, 24)
NAMES = ("tensorrt-fp32-32x24", "tensorrt-fp16-32x24", "tensorrt-int8-32x24")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped nano-x4 in all precisions."""
    out = tmp_path_factory.mktemp("tensorrt") / "bundle"
    targets = tuple(name.rpartition("-")[0] for name in NAMES)
    export_bundle("nano-x4", out, ExportOptions(targets, (TILE,), calibration=CalibrationOptions(tiles=12)))
    return out


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    from skimage import data

    lr = data.astronaut()[: 2 * TILE[0] : 2, : 2 * TILE[1] : 2]
    return np.ascontiguousarray(lr.transpose(2, 0, 1)[None]).astype(np.float32) / 255


def test_the_manifest_says_what_is_in_the_files(bundle) -> None:
    artifacts = {artifact.id: artifact for artifact in read_manifest(bundle).artifacts}
    assert tuple(artifacts) == NAMES
    for name, artifact in artifacts.items():
        assert artifact.path == f"tensorrt/{name}.onnx" and artifact.lowering == "basis-fused"
        assert artifact.input.dtype == artifact.output.dtype == "float32"
        for path in artifact.files:
            data = (bundle / path).read_bytes()
            require_clean(data, path)
            assert json.loads(onnx.load_from_string(data).metadata_props[0].value)["id"] == name
    assert set(artifacts[NAMES[2]].files) == {f"tensorrt/{NAMES[2]}.onnx", f"tensorrt/{NAMES[2]}.fp16-scales.onnx"}
    assert artifacts[NAMES[2]].calibration_sha256 and artifacts[NAMES[1]].calibration_sha256 is None
    assert artifacts[NAMES[0]].graph.fp16_range_used is None
    used = artifacts[NAMES[1]].graph.fp16_range_used
    assert {"g0b0", "g1b3", "overlap_embed", "upsample"} <= set(used) and all(
        0 < share < 0.01 for share in used.values()
    )
    int8 = artifacts[NAMES[2]]
    assert int8.graph.int8_convolutions == len(int8.choice.int8.layers) >= 24


def test_the_readme_has_every_line_and_the_head_room(bundle) -> None:
    page = (bundle / "tensorrt" / "README.md").read_text()
    for release in RELEASES:
        for path in (*(f"tensorrt/{name}.onnx" for name in NAMES), f"tensorrt/{NAMES[2]}.fp16-scales.onnx"):
            assert trtexec(release, path) in page and (bundle / path).is_file()
    assert re.search(r"\| g1b3 \| 0\.\d+ % \| 0\.\d+ % \|", page)
    assert "--stronglyTyped" not in trtexec(RELEASES[-1], "tensorrt/x.onnx")
    assert "| 6.1 to 6.2.2 | 10.3.0 / 12.6 |" in page


def test_a_second_export_writes_the_same_files(bundle, tmp_path) -> None:
    export_bundle("nano-x4", tmp_path / "b", ExportOptions(("tensorrt-fp32", "tensorrt-fp16"), (TILE,)))
    for name in NAMES[:2]:
        path = f"tensorrt/{name}.onnx"
        assert (bundle / path).read_bytes() == (tmp_path / "b" / path).read_bytes()


def test_make_onnx_gives_the_same_graphs_without_a_bundle(bundle) -> None:
    from dlgsanet import load_model

    (data,) = make_onnx(load_model("nano-x4"), TILE, "fp16").values()
    alone, ours = onnx.load_from_string(data), onnx.load(bundle / f"tensorrt/{NAMES[1]}.onnx")
    assert list(alone.graph.node) == list(ours.graph.node)
    assert list(alone.graph.initializer) == list(ours.graph.initializer)


@pytest.mark.parametrize(
    ("name", "device", "least", "most"),
    [
        (NAMES[0], REFERENCE, 120, 160),
        (NAMES[1], REFERENCE, 66, 85),
        (NAMES[2], REFERENCE, 45, 70),
        (NAMES[2], REFERENCE_FP16_SCALES, 45, 70),
    ],
)
def test_the_reference_computes_what_the_file_says(bundle, astronaut, to_db, name, device, least, most) -> None:
    from dlgsanet import load_model

    exact = load_model("nano-x4").double()(torch.from_numpy(astronaut).double()).numpy()
    with open_runner(bundle, name, device=device, threads=1) as run:
        assert run.info.device == device and run.info.backend == "tensorrt"
        assert run.info.reported_precision == name.split("-")[1] and run.info.precision_mismatch is None
        assert least < to_db(run.infer(astronaut), exact) < most


@pytest.mark.parametrize(
    ("name", "types"), [(NAMES[0], {"fp32"}), (NAMES[1], {"fp16", "fp32"}), (NAMES[2], {"int8", "fp16", "fp32"})]
)
def test_the_work_is_told_by_the_types_of_the_file(bundle, name, types) -> None:
    """All of it, as the exporter counts it; in fp32 is only q k^T, which is little."""
    with open_runner(bundle, name, device=REFERENCE, threads=1) as run:
        macs = run.macs()
    artifact = next(it for it in read_manifest(bundle).artifacts if it.id == name)
    assert set(macs) == types and sum(macs.values()) == artifact.graph.macs
    assert len(types) == 1 or macs["fp32"] < 0.03 * sum(macs.values())


def test_the_reference_shows_its_blocks_and_stays_what_it_is(bundle, astronaut) -> None:
    artifact = next(it for it in read_manifest(bundle).artifacts if it.id == NAMES[1])
    taps = tuple(artifact.graph.blocks.tensors.values())
    with open_runner(bundle, NAMES[1], device=REFERENCE, threads=1) as run:
        plain = run.infer(astronaut)
    with open_runner(bundle, NAMES[1], device=REFERENCE, threads=1, taps=taps) as run:
        sr, inside = run.inspect(astronaut)
    assert np.array_equal(sr, plain) and tuple(inside) == taps
    assert all(np.array_equal(value, value.astype(np.float16)) for value in inside.values())


def test_without_an_engine_nothing_runs_silently(bundle) -> None:
    with pytest.raises(UnavailableError, match="no NVIDIA GPU"), open_runner(bundle, NAMES[1]):
        pass
    with (
        pytest.raises(InputError, match="fp16-scales is for int8"),
        open_runner(bundle, NAMES[1], device=REFERENCE_FP16_SCALES),
    ):
        pass


def _any_tiling(folder) -> list[str]:
    """What tiles of 32x24 cost a random network is not what is tested here."""
    (folder / "limits.toml").write_text("[tiling]\ndrop_mean_db = 1.0\n")
    return ["--limits", str(folder / "limits.toml")]


def test_check_judges_both_forms_and_says_by_what(bundle, tmp_path, capsys) -> None:
    command = [
        "check",
        str(bundle),
        "--artifact",
        "tensorrt-int8",
        "--json",
        str(tmp_path / "r.json"),
        "--threads",
        "1",
    ]
    assert main([*command, *_any_tiling(tmp_path)]) == 0, capsys.readouterr().err
    records = json.loads((tmp_path / "r.json").read_text())["records"]
    found = {record["artifact"]: record for record in records if record.get("gate") and "device" in record}
    assert found[NAMES[2]]["device"] == REFERENCE
    assert found["tensorrt-int8-fp16-scales-32x24"]["device"] == REFERENCE_FP16_SCALES
    assert all("not run on NVIDIA hardware" in found[name]["reason"] for name in found if name.startswith("tensorrt"))


def test_the_reference_is_in_no_latency_table(bundle, capsys) -> None:
    assert main(["bench", str(bundle), "--artifact", "tensorrt-fp16", "--runs", "5"]) == 3
    assert "tensorrt-fp16-32x24: " in capsys.readouterr().err
    for device in (REFERENCE, REFERENCE_FP16_SCALES):
        assert main(["bench", str(bundle), "--device", device]) == 2
        assert "its times say nothing" in capsys.readouterr().err


def test_a_gpu_that_is_asked_for_is_no_cpu(bundle) -> None:
    """`--device GPU` is about the engine: none is built for whatever GPU this is, and nothing stands in for it."""
    artifact = read_manifest(bundle).artifacts[1]
    assert [judge.device for judge in judges(artifact, "CPU")] == [REFERENCE]
    assert judges(artifact, "GPU") == ()
    assert main(["check", str(bundle), "--artifact", "tensorrt-fp16", "--device", "GPU"]) == 3


def test_a_changed_file_fails_the_gate_of_its_form_only(bundle, tmp_path, capsys) -> None:
    """The planted fault: the fp16-scales file with one scale four times too large, its hash put right."""
    fake = tmp_path / "fake"
    shutil.copytree(bundle, fake)
    path = fake / f"tensorrt/{NAMES[2]}.fp16-scales.onnx"
    model = onnx.load(path)
    scale = next(t for t in model.graph.initializer if "project_in" in t.name and t.name.endswith("_scale"))
    scale.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(scale) * np.float16(4), scale.name))
    path.write_bytes(model.SerializeToString())
    text = (fake / "manifest.json").read_text()
    manifest = json.loads(text)
    manifest["artifacts"][2]["files"][f"tensorrt/{path.name}"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (fake / "manifest.json").write_text(json.dumps(manifest))
    assert main(["check", str(fake), "--artifact", "tensorrt-int8", "--threads", "1", *_any_tiling(tmp_path)]) == 1
    assert "1 of 3 accuracy gates failed: tensorrt-int8-fp16-scales-32x24" in capsys.readouterr().err


def test_head_room_is_asked_for(bundle) -> None:
    half = Graph(onnx.load(bundle / f"tensorrt/{NAMES[1]}.onnx"))
    name = "overlap_embed.0.proj.Conv"
    assert require_head_room({"": half}, {name: 3.0})["overlap_embed"] == pytest.approx(3 / 65504, rel=1e-3)
    for value in (40000.0, np.inf, np.nan):
        with pytest.raises(BackendError, match="fp16 would overflow on others, export tensorrt-fp32"):
            require_head_room({"": half}, {name: value, "sr": 1.0})
    island = "deep_feature_extraction.0.body.1.restormer_attn.scores.MatMul"  # q k^T: in fp32
    assert "g0b1" not in require_head_room({"": half}, {island: 1e6, name: 1.0})


def test_forms_that_do_not_exist_are_refused(bundle) -> None:
    plain = Graph(onnx.load(bundle / f"tensorrt/{NAMES[0]}.onnx"))
    with pytest.raises(BackendError, match="no form for int8"):
        typed_graphs(plain, "int8", picture=np.zeros((1, 3, *TILE), np.float32))
    with pytest.raises(InputError, match="operator set up to 19"):
        Target("tensorrt", "fp16", TILE, opset=20)
    with pytest.raises(InputError, match="bf16 convolutions"):
        Target("tensorrt", "bf16", TILE)


def test_a_missing_package_is_said(bundle, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx.helper", None)
    with pytest.raises(UnavailableError, match=r"tensorrt-reference needs the onnx package.*\[export\]"):
        open_runner(bundle, NAMES[1], device=REFERENCE).__enter__()


def test_changed_and_faulty_files_are_refused(bundle, tmp_path) -> None:
    """A changed one by its hash; one that the manifest vouches for all the same by the linter."""
    fake = tmp_path / "fake"
    shutil.copytree(bundle, fake)
    path = fake / f"tensorrt/{NAMES[1]}.onnx"
    model = onnx.load(path)
    model.opset_import[0].version = 20
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="was changed after it was written"):
        open_runner(fake, NAMES[1], device=REFERENCE).__enter__()
    manifest = json.loads((fake / "manifest.json").read_text())
    manifest["artifacts"][1]["files"][f"tensorrt/{path.name}"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (fake / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r"tensorrt-fp16-32x24\.onnx: the model: found operator set 20"):
        open_runner(fake, NAMES[1], device=REFERENCE).__enter__()


def test_an_operator_that_was_never_built_is_refused_before_the_work() -> None:
    graph = Graph(of_case(Case("Atan")))
    with pytest.raises(InputError, match=r"^Atan \(case\) has not been seen to build for TensorRT: leave tensorrt"):
        backend_of("tensorrt").refuse_graph(graph)
