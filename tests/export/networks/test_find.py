"""What a user names is of one family."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from dlgsanet.errors import InputError
from export.networks import find
from export.networks.dlgsanet.network import DlgsaNetwork
from export.networks.network import NetworkOptions


def test_a_checkpoint_of_another_network_is_spandrels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(find, "open_module", lambda family, thing, options, say: asked.append(f"{family} {thing}"))
    other = tmp_path / "other.safetensors"
    save_file({"conv.weight": torch.zeros(3)}, other)
    find.find_network(other, NetworkOptions(), asked.append)
    find.find_network("their.networks:make", NetworkOptions(), asked.append)
    assert asked == [f"spandrel {other}", "running the code of their.networks:make", "torch their.networks:make"]


def test_a_damaged_checkpoint_of_ours_stays_ours(checkpoint: Path, tmp_path: Path) -> None:
    assert isinstance(find.find_network(checkpoint, NetworkOptions(), print), DlgsaNetwork)
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(checkpoint.read_bytes()[:-100])
    with pytest.raises(InputError, match="torn"):
        find.find_network(torn, NetworkOptions(), print)
