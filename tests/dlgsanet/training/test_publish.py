"""Weights get their card: in the file, on a page and in a picture."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from dlgsanet.checkpoints import read_checkpoint, save_checkpoint
from dlgsanet.errors import InputError
from dlgsanet.imaging.files import read_rgb8, write_picture
from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet
from dlgsanet.training.publish import main, read_facts

FACTS = {"training_data": "two squares", "licence": "CC0", "hardware": "a slow one", "recipe": "none"}


def test_publish(tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_checkpoint(tmp_path / "a.safetensors", DLGSANet(ModelConfig(12, 1, 1, 4)), {"steps": "7", "seconds": "3600"})
    (tmp_path / "facts.json").write_text(json.dumps(FACTS))
    picture = np.random.default_rng(0).integers(0, 256, (200, 208, 3), dtype=np.uint8)
    write_picture(tmp_path / "Set5" / "HR" / "p.png", picture)
    main(
        tmp_path / "a.safetensors",
        tmp_path / "weights" / "c12-x4.safetensors",
        tmp_path / "facts.json",
        tmp_path / "Set5" / "HR" / "p.png",
        [tmp_path / "Set5"],
    )
    metadata = read_checkpoint(tmp_path / "weights" / "c12-x4.safetensors").metadata
    assert metadata["steps"] == "7" and metadata["training_data"] == "two squares" and " dB / " in metadata["set5"]
    assert metadata["modelspec.license"] == "CC0" and metadata["modelspec.title"] == "DLGSANet c12g1b1 x4"
    page = (tmp_path / "weights" / "c12-x4.md").read_text()
    assert page.startswith("---\nlibrary_name: dlgsanet-edge\n") and 'name: "Set5"' in page
    assert "7 steps, 1.0 hours" in page and "CC0" in page and "| Set5 |" in page
    assert read_rgb8(tmp_path / "weights" / "c12-x4.png").shape[2] == 3


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({**FACTS, "more": 1}), json.dumps({"licence": "CC0"})])
def test_incomplete_facts(tmp_path: Path, content: str) -> None:
    (tmp_path / "facts.json").write_text(content)
    with pytest.raises(InputError, match="expected a JSON object"):
        read_facts(tmp_path / "facts.json")


def test_what_it_cannot_use_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dlgsanet.training.publish", str(tmp_path / "none.safetensors")]
    options = ["-o", "out.safetensors", "--facts", "none.json", "--picture", "none.png", "--benchmark", "none"]
    ended = subprocess.run([*command, *options], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1 and "none.json" in ended.stderr
