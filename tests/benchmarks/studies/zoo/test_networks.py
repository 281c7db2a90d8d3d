"""Networks of the zoo are plausible: they enlarge a photograph."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.studies.zoo.networks import NETWORKS, TILE, make
from export.pictures import photograph


def test_there_are_enough_of_each_kind() -> None:
    kinds = [network.kind for network in NETWORKS]
    assert len({network.name for network in NETWORKS}) == len(NETWORKS) >= 20
    assert all(kinds.count(kind) >= 2 for kind in set(kinds))


def test_a_network_learns_to_enlarge(tmp_path: Path) -> None:
    spandrel = pytest.importorskip("spandrel")
    compact = next(network for network in NETWORKS if network.name == "Compact")
    make(compact, tmp_path / "a.pth")
    make(compact, tmp_path / "b.pth")
    assert (tmp_path / "a.pth").stat().st_size == (tmp_path / "b.pth").stat().st_size
    found = spandrel.ModelLoader().load_from_file(tmp_path / "a.pth")
    lr = torch.from_numpy(photograph(TILE))
    near = torch.nn.functional.interpolate(lr, scale_factor=2)
    assert float((found(lr) - near).abs().mean()) < 0.05
    other = spandrel.ModelLoader().load_from_file(tmp_path / "b.pth")
    assert torch.equal(found(lr), other(lr))
