from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file, save_file

from dlgsanet.checkpoints import load_model, save_checkpoint
from dlgsanet.errors import BackendError, GateError, InputError, UnavailableError
from dlgsanet.imaging.files import read_rgb8
from dlgsanet.imaging.pixels import to_nchw
from dlgsanet.network.model import DLGSANet
from export import ExportOptions, export_bundle
from export.backends.openvino import write as openvino_files
from export.bundle import artifact_writer as artifacts
from export.bundle import plan
from export.bundle import writer as bundle
from export.networks.dlgsanet import memory_estimate as memory
from export.networks.dlgsanet import network as dlgsa
from export.targets.choice import default_targets
from export.targets.row import Row
from runtimes import open_runner
from runtimes.bundle.manifest import MANIFEST, Manifest, read_manifest, verify

MakeModel = Callable[..., DLGSANet]
ToDb = Callable[[np.ndarray, np.ndarray], float]

TILES = ((24, 20), (33, 33))
ONE = ExportOptions(targets=("onnxruntime-fp32",), tiles=((24, 20),))
LEAST_DB = {"fp32": 90.0, "bf16": 40.0, "fp16": 40.0}  # random weights: only fp32 says anything about accuracy


TARGETS = tuple(row for row in default_targets() if row.backend != "coreml")  # those are in test_to_coreml.py


@pytest.fixture(scope="module")
def whole(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of every target that needs no calibration, in two tiles."""
    pytest.importorskip("openvino")
    out = tmp_path_factory.mktemp("bundle") / "small"
    export_bundle(checkpoint, out, ExportOptions(targets=tuple(row.name for row in TARGETS), tiles=TILES))
    return out


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_manifest_lists_every_artifact_and_every_file_is_what_it_says(whole: Path) -> None:
    manifest = read_manifest(whole)
    assert [artifact.id for artifact in manifest.artifacts] == [
        f"{row.name}-{height}x{width}" for height, width in TILES for row in TARGETS
    ]
    listed = dict(manifest.reference.files)
    for artifact in manifest.artifacts:
        listed |= artifact.files
        assert artifact.hints == dict(artifact_row(artifact.id).hints)
        assert "lower-dynamic-conv" in artifact.rewrites and artifact.lowering == "basis"
        assert artifact.certificate.max_rel <= artifact.certificate.limit
    verify(whole, listed)
    assert set(files_of(whole)) == {*listed, MANIFEST, "README.md"}


def artifact_row(name: str) -> Row:
    return next(row for row in TARGETS if name.startswith(row.name))


@pytest.mark.parametrize("row", TARGETS, ids=lambda row: row.name)
def test_artifacts_reproduce_the_stored_reference(whole: Path, to_db: ToDb, row: Row) -> None:
    manifest = read_manifest(whole)
    entry = manifest.reference.entries[0]
    lr = to_nchw(read_rgb8(whole / entry.lr))
    for height, width in TILES:
        with open_runner(whole, f"{row.name}-{height}x{width}", threads=1) as run:
            found = run(lr, overlap=manifest.reference.overlap)
        assert to_db(found, np.load(whole / entry.sr[f"{height}x{width}"])) > LEAST_DB[row.precision]


def test_the_keys_are_inside_the_artifacts(whole: Path) -> None:
    import openvino

    manifest = read_manifest(whole)
    for artifact in manifest.artifacts:
        if artifact.backend == "onnxruntime":
            stored = onnx.load(whole / artifact.path).metadata_props
            keys = json.loads({prop.key: prop.value for prop in stored}["dlgsanet_edge"])
        else:
            model = openvino.Core().read_model(whole / artifact.path)
            names = ("id", "backend", "precision", "lowering")
            keys = {name: model.get_rt_info(["dlgsanet_edge", name]).astype(str) for name in names}
            keys["hints"] = json.loads(model.get_rt_info(["dlgsanet_edge", "hints"]).astype(str))
            keys["tile"] = json.loads(model.get_rt_info(["dlgsanet_edge", "tile"]).astype(str))
        assert keys["id"] == artifact.id and keys["backend"] == artifact.backend
        assert keys["precision"] == artifact.precision and keys["lowering"] == artifact.lowering
        assert tuple(keys["tile"]) == artifact.tile and keys["hints"] == artifact.hints


def test_the_source_travels_with_the_bundle(whole: Path, checkpoint: Path) -> None:
    manifest = read_manifest(whole)
    ours, theirs = load_model(whole / manifest.reference.checkpoint), load_model(checkpoint)
    for name, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value)
    assert manifest.source.metadata["training"] == "none"
    assert manifest.source.config["channels"] == 12


def test_the_card_names_artifacts_terms_and_proof(whole: Path) -> None:
    card = (whole / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlibrary_name: dlgsanet-edge\npipeline_tag: image-to-image\n")
    manifest = read_manifest(whole)
    assert all(f"`{artifact.id}`" in card for artifact in manifest.artifacts)
    assert "CC0" in card and "public domain" in card and manifest.source.sha256 in card


def test_a_second_export_gives_the_same_bytes(checkpoint: Path, whole: Path, tmp_path: Path) -> None:
    export_bundle(checkpoint, tmp_path / "b", ExportOptions(targets=tuple(r.name for r in TARGETS), tiles=TILES))
    first, second = files_of(whole), files_of(tmp_path / "b")
    assert set(first) == set(second)
    dated = {MANIFEST, "README.md"}  # they say when
    assert {name for name in first if first[name] != second[name]} <= dated
    assert without_date(read_manifest(whole)) == without_date(read_manifest(tmp_path / "b"))


def without_date(manifest: Manifest) -> Manifest:
    """Without when it was made, and what each tile took then."""
    untimed = (replace(it, choice=replace(it.choice, tile=None)) for it in manifest.artifacts if it.choice)
    return replace(manifest, created="", artifacts=tuple(untimed))


@pytest.mark.parametrize(("dynamic", "activation"), [(False, "relu"), (True, "softmax")])
def test_ablations_export(make_model: MakeModel, tmp_path: Path, to_db: ToDb, dynamic: bool, activation: str) -> None:
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, make_model(dynamic=dynamic, activation=activation), {})
    manifest = export_bundle(path, tmp_path / "b", ONE)
    assert manifest.artifacts[0].lowering == ("basis" if dynamic else "static")
    assert manifest.source.config["activation"] == activation
    entry = manifest.reference.entries[0]
    with open_runner(tmp_path / "b", "onnxruntime", threads=1) as run:
        found = run(to_nchw(read_rgb8(tmp_path / "b" / entry.lr)))
    assert to_db(found, np.load(tmp_path / "b" / entry.sr["24x20"])) > LEAST_DB["fp32"]


def test_a_checkpoint_of_the_authors_form_exports(conformance: Path, tmp_path: Path) -> None:
    options = ExportOptions(("onnxruntime",), ((24, 20),), activation="softmax")
    manifest = export_bundle(conformance / "softmax-static-x2.pth", tmp_path / "b", options)
    assert manifest.scale == 2 and manifest.artifacts[0].lowering == "static"
    assert manifest.source.config["activation"] == "softmax" and not manifest.source.config["dynamic"]


def test_the_activation_and_the_lowering_can_be_chosen(checkpoint: Path, tmp_path: Path) -> None:
    torch.save(load_model(checkpoint).state_dict(), plain := tmp_path / "plain.pth")  # says no activation
    options = ExportOptions(("onnxruntime",), ((24, 20),), lowering="shift", activation="gelu")
    manifest = export_bundle(plain, tmp_path / "b", options)
    assert manifest.artifacts[0].lowering == "shift"
    assert load_model(tmp_path / "b" / manifest.reference.checkpoint).config.activation == "gelu"


def test_every_step_is_said(checkpoint: Path, tmp_path: Path) -> None:
    steps: list[str] = []
    export_bundle(checkpoint, tmp_path / "b", ONE, steps.append)
    text = "\n".join(steps)
    for word in ("rewriting", "float64: all-zero", "writing onnxruntime-fp32-24x20", "reference of", "manifest"):
        assert word in text


def test_without_targets_what_is_not_installed_is_left_out_and_said(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tuple(row for row in TARGETS if row.backend == "onnxruntime")
    monkeypatch.setattr(plan, "installed_targets", lambda: here)
    steps: list[str] = []
    manifest = export_bundle(checkpoint, tmp_path / "b", ExportOptions(tiles=((24, 20),)), steps.append)
    assert [artifact.backend for artifact in manifest.artifacts] == ["onnxruntime"]
    assert sum(step.startswith("left out openvino") for step in steps) == 3


def test_a_requested_target_that_is_not_installed_is_an_error(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.targets.row.importlib.util.find_spec", lambda name: None)
    with pytest.raises(UnavailableError, match="dlgsanet-edge"):
        export_bundle(checkpoint, tmp_path / "b", ONE)
    with pytest.raises(InputError, match="at least one target"):
        export_bundle(checkpoint, tmp_path / "b", ExportOptions())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ExportOptions(targets=("openvno",)), "did you mean openvino"),
        (ExportOptions(targets=("onnxruntime-bf16",)), "no bf16"),
        (ExportOptions(tiles=((0, 128),)), "at least 1x1"),
        (ExportOptions(tiles=((8, 128),)), "larger than the 8 LR pixels"),
        (ExportOptions(tiles=((10**6, 10**6),)), "GiB are free"),
        (ExportOptions(lowering="unfolded"), "unknown lowering"),
        (ExportOptions(activation="tanh"), "unknown attention activation"),
        (ExportOptions(opset=7), "from 18 to"),
        (ExportOptions(tiles=(64,)), r"expected a tile \(height, width\) of whole LR pixels, found 64"),
        (ExportOptions(tiles=((64.5, 64),)), r"found \(64.5, 64\)"),
        (ExportOptions(targets="openvino"), "expected a tuple of targets"),
        (ExportOptions(activation="gelu"), "says is its attention's activation, found gelu: leave it out"),
        (ExportOptions(basis_rank="auto", max_drop=math.nan), "above 0 dB, found nan"),
        (ExportOptions(search=True, max_drop=-1), "above 0 dB, found -1"),
        (ExportOptions(max_drop=0.1), "neither is asked for"),
        (ExportOptions(channels="bgr"), "--channels is for ONNX files"),
    ],
)
def test_bad_options_are_refused_before_any_work(
    checkpoint: Path, tmp_path: Path, options: ExportOptions, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        export_bundle(checkpoint, tmp_path / "out" / "b", options)
    assert not list(tmp_path.iterdir())


def test_a_lowering_for_a_static_network_is_refused(make_model: MakeModel, tmp_path: Path) -> None:
    path = tmp_path / "static.safetensors"
    save_checkpoint(path, make_model(dynamic=False), {})
    with pytest.raises(InputError, match="static filters"):
        export_bundle(path, tmp_path / "b", ExportOptions(("onnxruntime",), lowering="shift"))


def test_bad_checkpoints_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    state = load_file(checkpoint)
    save_file({"conv.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    save_file({key: v for key, v in state.items() if "norm3" not in key}, tmp_path / "part.safetensors")
    (tmp_path / "empty.safetensors").touch()
    for name in ("other", "part", "empty", "missing"):
        with pytest.raises(InputError, match=name):
            export_bundle(tmp_path / f"{name}.safetensors", tmp_path / "b", ONE)
    assert not (tmp_path / "b").exists()


def test_an_existing_bundle_is_replaced_only_with_force(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "b"
    export_bundle(checkpoint, out, ONE)
    before = files_of(out)
    with pytest.raises(InputError, match="--force"):
        export_bundle(checkpoint, out, ONE)
    assert files_of(out) == before
    other = ExportOptions(ONE.targets, ((33, 20),), force=True)
    export_bundle(checkpoint, out, other)
    assert [artifact.tile for artifact in read_manifest(out).artifacts] == [(33, 20)]


def test_force_replaces_no_folder_that_is_not_a_bundle(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "photographs").mkdir()
    (tmp_path / "photographs" / "one.png").write_bytes(b"x")
    with pytest.raises(InputError, match=MANIFEST):
        export_bundle(checkpoint, tmp_path / "photographs", ExportOptions(ONE.targets, ONE.tiles, force=True))
    assert (tmp_path / "photographs" / "one.png").exists()


def test_force_deletes_nothing_that_was_put_into_a_bundle(checkpoint: Path, tmp_path: Path) -> None:
    export_bundle(checkpoint, tmp_path / "b", ONE)
    (tmp_path / "b" / "notes.txt").write_text("precious")
    with pytest.raises(InputError, match=r"would delete '?notes\.txt"):
        export_bundle(checkpoint, tmp_path / "b", replace(ONE, force=True))
    assert files_of(tmp_path / "b").keys() > {MANIFEST, "notes.txt"}


def test_a_place_that_cannot_be_written_is_an_input_error(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write"):
        export_bundle(checkpoint, tmp_path / "file" / "b", ONE)


@pytest.mark.parametrize("error", [KeyboardInterrupt, GateError, BackendError, MemoryError])
@pytest.mark.parametrize("force", [False, True])
def test_whatever_stops_an_export_leaves_no_debris(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], force: bool
) -> None:
    out = tmp_path / "b"
    if force:
        export_bundle(checkpoint, out, ONE)
    before = files_of(tmp_path)

    def stop(*arguments: object) -> None:
        raise error("stopped")

    monkeypatch.setattr(bundle, "write_pack", stop)
    with pytest.raises(error):
        export_bundle(checkpoint, out, ExportOptions(ONE.targets, ONE.tiles, force=force))
    assert files_of(tmp_path) == before


def test_a_rewrite_that_is_not_exact_writes_nothing(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = dlgsa.rewrite

    def faulty(*arguments: object, **options: object) -> object:
        result = real(*arguments, **options)
        result.model.upsample[0].weight[0, 0, 0, 0] += 1e-4
        return result

    monkeypatch.setattr(dlgsa, "rewrite", faulty)
    with pytest.raises(GateError, match="nothing was written"):
        export_bundle(checkpoint, tmp_path / "b", ONE)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_an_input_error_and_leaves_nothing(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(openvino_files.shutil, "copyfile", full)
    monkeypatch.setattr(artifacts, "sha256_file", full)
    with pytest.raises(InputError, match="No space left"):
        export_bundle(checkpoint, tmp_path / "b", ONE)
    assert not list(tmp_path.iterdir())


def test_too_little_memory_is_said_before_any_work(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 1 << 20)
    with pytest.raises(InputError, match="smaller --tile"):
        export_bundle(checkpoint, tmp_path / "b", ONE)
