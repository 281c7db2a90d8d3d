"""A folder as the Hub has it, written and read without a network."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

pytest.importorskip("huggingface_hub")

from dlgsanet.checkpoints import WEIGHTS, load_model, read_checkpoint
from dlgsanet.checkpoints.hub import PretrainedDLGSANet
from dlgsanet.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    PretrainedDLGSANet.of("nano-x4").save_pretrained(tmp_path / "mine")
    return tmp_path / "mine"


def test_what_is_saved_is_read_again(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    found, ours = PretrainedDLGSANet.from_pretrained(folder, local_files_only=True), load_model("nano-x4")
    lr = torch.rand(1, 3, 9, 11, generator=torch.Generator().manual_seed(0))
    assert torch.equal(found(lr), ours(lr)) and not found.training
    assert json.loads((folder / "config.json").read_text()) == asdict(ours.config)
    kept = read_checkpoint(folder / "model.safetensors").metadata
    assert read_checkpoint(WEIGHTS / "nano-x4.safetensors").metadata.items() <= kept.items()
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: dlgsanet-edge\npipeline_tag: image-to-image\n") and "31.77" in card


def test_the_package_tells_nobody() -> None:
    from huggingface_hub import constants

    assert constants.HF_HUB_DISABLE_TELEMETRY


def test_it_is_saved_again_as_it_was(folder: Path, tmp_path: Path) -> None:
    PretrainedDLGSANet.from_pretrained(folder).save_pretrained(tmp_path / "again" / "mine")
    for name in ("model.safetensors", "config.json"):
        assert (folder / name).read_bytes() == (tmp_path / "again" / "mine" / name).read_bytes()


def test_a_configuration_of_other_weights_is_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "groups": 3}))
    with pytest.raises(InputError, match=r"config.json of .*mine says groups 3, its weights are of 2"):
        PretrainedDLGSANet.from_pretrained(folder)


def test_a_new_network_is_saved_under_the_name_of_its_sizes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    PretrainedDLGSANet(12, 1, 1, 2).save_pretrained(tmp_path)
    assert "# c12g1b1-x2\n" in (tmp_path / "README.md").read_text()
    assert PretrainedDLGSANet.from_pretrained(tmp_path).config.channels == 12
