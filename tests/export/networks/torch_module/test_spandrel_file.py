"""Checkpoints that spandrel knows, and what is said of others."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import save_file

from dlgsanet.errors import InputError, UnavailableError
from export.networks.torch_module.spandrel_file import load_spandrel


@pytest.fixture
def span(tmp_path: Path, spandrel: ModuleType) -> Path:
    """A small SPAN, whose weights lie in a dict as its authors save them."""
    from spandrel.architectures.SPAN import SPAN

    torch.manual_seed(0)
    path = tmp_path / "span.pth"
    torch.save({"params": SPAN(num_in_ch=3, num_out_ch=3, feature_channels=16, upscale=2).state_dict()}, path)
    return path


def test_architecture_and_weights_are_found(span: Path) -> None:
    found = load_spandrel(str(span))
    assert (found.facts["architecture"], found.facts["purpose"], found.multiple, found.tiling) == ("SPAN", "SR", 1, "")
    assert found.module(torch.zeros(1, 3, 8, 9)).shape == (1, 3, 16, 18)


def test_a_licence_in_the_file_is_kept(span: Path, tmp_path: Path) -> None:
    path = tmp_path / "span.safetensors"
    state = torch.load(span, weights_only=True)["params"]
    save_file(state, path, {"modelspec.license": "CC-BY-4.0"})
    assert load_spandrel(str(path)).licence == "CC-BY-4.0"


def test_what_nobody_knows_is_refused(tmp_path: Path, spandrel: ModuleType) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"conv.weight": torch.zeros(3)}, path)
    with pytest.raises(InputError, match=r"neither a DLGSANet checkpoint nor one that spandrel .* knows"):
        load_spandrel(str(path))


def test_spandrel_itself_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(UnavailableError, match=r"others need spandrel: pip install 'dlgsanet-edge\[zoo\]'"):
        load_spandrel(str(tmp_path / "other.pth"))
