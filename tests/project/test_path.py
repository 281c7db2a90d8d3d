"""The whole path on tiny networks through the front door: export, check, bench, report; and a planted fault."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.records.accuracy import AccuracyRecord
from benchmarks.records.latency import LatencyRecord

pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import torch

from benchmarks.records.result_file import read_result
from dlgsanet.__main__ import main
from dlgsanet.checkpoints import save_checkpoint
from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet

NAME = "onnxruntime-fp32-24x24"


def exported(folder: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    save_checkpoint(folder / f"net{seed}.safetensors", DLGSANet(ModelConfig(12, 1, 1, 2)).eval(), {})
    words = ["export", str(folder / f"net{seed}.safetensors"), "-o", str(folder / f"bundle{seed}")]
    assert main([*words, "--to", "onnxruntime-fp32", "--tile", "24"]) == 0
    return folder / f"bundle{seed}"


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two bundles of one shape with different weights."""
    folder = tmp_path_factory.mktemp("path")
    return exported(folder, 1), exported(folder, 2)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    for seed, size in enumerate(((40, 52, 3), (47, 33, 3))):
        rough = np.random.default_rng(seed).integers(0, 255, size).astype(np.uint8)
        smooth = Image.fromarray(rough).resize((size[1] * 2, size[0] * 2), Image.Resampling.BICUBIC)
        smooth.save(folder / f"{seed}.png")
    return folder


def test_export_check_bench_report(
    bundles: tuple[Path, Path], photographs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bundle = str(bundles[0])
    accuracy, speed, page = (str(tmp_path / name) for name in ("a.json", "l.json", "r.html"))
    limits = tmp_path / "limits.toml"
    limits.write_text("[tiling]\ndrop_mean_db = 1.0\n")  # tiles of 24 cost a random network more than those of users
    common = ["--threads", "1", "--limits", str(limits), "--json"]
    assert main(["check", bundle, "--below-bicubic", *common, accuracy]) == 0
    assert main(["check", bundle, "--data", str(photographs), "--below-bicubic", "--no-crops", *common, accuracy]) == 0
    assert not read_result(accuracy).crops  # pictures that may not be passed on stay here
    assert main(["check", bundle, "--data", str(photographs), "--below-bicubic", *common, accuracy]) == 0
    assert len(read_result(accuracy).crops) == 2
    assert main(["bench", bundle, "--peer", "official", "--runs", "5", "--threads", "1", "--json", speed]) == 0
    assert main(["report", accuracy, speed, "-o", page]) == 0
    found = read_result(accuracy).of(AccuracyRecord)
    assert {record.artifact: record.gate for record in found}[NAME] == "pass"
    assert found[0].to_reference_db is None or found[0].to_reference_db > 90
    timed = read_result(speed).of(LatencyRecord)
    assert [record.artifact for record in timed] == [NAME, "torch-official-24x24"]
    assert "memory format" in timed[1].note
    assert NAME in Path(page).read_text(encoding="utf-8")
    assert f"report: {page}" in capfd.readouterr().out


def test_the_artifact_of_other_weights_fails_the_gate(
    bundles: tuple[Path, Path], photographs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The planted fault: a healthy file with right hashes, of another network."""
    manifest = json.loads((bundles[0] / "manifest.json").read_text())
    artifact = manifest["artifacts"][0]
    kept = (bundles[0] / artifact["path"]).read_bytes()
    other = (bundles[1] / json.loads((bundles[1] / "manifest.json").read_text())["artifacts"][0]["path"]).read_bytes()
    text = (bundles[0] / "manifest.json").read_text()
    try:
        (bundles[0] / artifact["path"]).write_bytes(other)
        assert main(["check", str(bundles[0]), "--data", str(photographs)]) == 2  # the hash does not match
        assert "was changed after it was written" in capfd.readouterr().err
        artifact["files"][artifact["path"]] = hashlib.sha256(other).hexdigest()
        (bundles[0] / "manifest.json").write_text(json.dumps(manifest))
        assert main(["check", str(bundles[0]), "--below-bicubic", "--data", str(photographs)]) == 1
        assert f"accuracy gates failed: {NAME}" in capfd.readouterr().err
    finally:
        (bundles[0] / artifact["path"]).write_bytes(kept)
        (bundles[0] / "manifest.json").write_text(text)
