"""Both ways run on both clips; what does not move is used again, and a table has a line for each."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.records.study_file import read_study
from benchmarks.studies.peers import clips
from benchmarks.studies.peers import video_speed as speed
from dlgsanet.checkpoints import save_checkpoint
from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet
from export import ExportOptions, export_bundle

pytest.importorskip("av")
pytest.importorskip("skimage")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a network that takes little time: what is looked at is who is timed, not how fast."""
    folder = tmp_path_factory.mktemp("speed")
    torch.manual_seed(0)
    save_checkpoint(folder / "small.safetensors", DLGSANet(ModelConfig(12, 1, 1, 2)), {})
    export_bundle(folder / "small.safetensors", folder / "b", ExportOptions(("onnxruntime-fp32",), ((32, 32),)))
    return folder / "b"


def test_both_clips_are_timed(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "FRAME", (64, 72))
    monkeypatch.setattr(clips, "_WALKER", 8)
    speed.main(bundle, tmp_path / "a.json", ["onnxruntime-fp32"], frames=6, rounds=2)
    found = read_study(speed.VideoSpeed, tmp_path / "a.json")
    assert [row.clip for row in found.rows] == list(clips.CLIPS)
    assert all(row.engine_fps > 0 and row.ours_fps > 0 and row.tile == (32, 32) for row in found.rows)
    assert "cores" in found.machine
    pan, still = found.rows
    assert pan.reused == 0 < still.reused
    assert len(speed.table([found]).splitlines()) == 4


def test_a_failing_script_is_said(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "FRAME", (44, 72))
    with pytest.raises(speed.BackendError, match="vs-mlrt with ort failed"):
        speed.measure(bundle, "onnxruntime-fp32", clips.CLIPS[0], 2, 1, "false")
