from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from benchmarks.subjects.datasets import open_folder, open_pack
from benchmarks.subjects.reference import ComputedReference, StoredReference, open_reference
from benchmarks.subjects.torch_peers import Formats, open_peer, peer_id, reference_function, try_formats
from dlgsanet.checkpoints import save_checkpoint
from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet
from runtimes.bundle.manifest import read_manifest

TILE = (8, 8)
LR = np.random.default_rng(1).random((1, 3, 8, 8), np.float32)


@pytest.fixture(autouse=True)
def _threads() -> object:
    """Peers set torch's threads for the whole process: give them back."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model() -> DLGSANet:
    torch.manual_seed(3)
    return DLGSANet(ModelConfig(12, 1, 1, 2)).eval()


@pytest.fixture
def bundle(model: DLGSANet, tmp_path: Path) -> Path:
    from tests.benchmarks.bundles import make_bundle

    save_checkpoint(tmp_path / "tiny.safetensors", model, {})
    return make_bundle(tmp_path / "bundle", checkpoint=(tmp_path / "tiny.safetensors").read_bytes())


def expected(model: DLGSANet) -> np.ndarray:
    with torch.inference_mode():
        return model(torch.from_numpy(LR)).numpy()


def test_the_reference_is_the_networks_own_output(bundle: Path, model: DLGSANet) -> None:
    function = reference_function(bundle, read_manifest(bundle), threads=1)
    assert np.array_equal(function(LR), expected(model))
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize("peer", ["official", "reference"])
@pytest.mark.parametrize("memory_format", ["contiguous", "channels_last"])
def test_every_peer_computes_the_same_function(bundle: Path, model: DLGSANet, peer: str, memory_format: str) -> None:
    with open_peer(bundle, peer, TILE, 1, memory_format) as run:
        assert np.abs(run.infer(LR) - expected(model)).max() < 1e-5
        assert run.info.artifact == peer_id(peer, TILE) == f"torch-{peer}-8x8"
        assert run.info.threads == 1 and run.info.precision_mismatch is None


def test_a_peer_is_timed_in_its_better_format(bundle: Path) -> None:
    found = try_formats(bundle, "official", TILE, 1, LR)
    assert found.contiguous_ms > 0 and found.channels_last_ms > 0
    assert Formats(1.0, 2.0).better == "contiguous" and Formats(2.0, 1.0).better == "channels_last"
    assert "channels_last (trial: contiguous 2.0 ms, channels_last 1.0 ms)" in Formats(2.0, 1.0).note


@pytest.mark.parametrize("form", ["official", "reference"])
def test_a_compiled_peer_computes_the_same_function(
    bundle: Path, model: DLGSANet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    calls: list[dict[str, object]] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **options: calls.append(options))
    with open_peer(bundle, f"{form}-compiled", TILE, 1) as run:
        assert np.abs(run.infer(LR) - expected(model)).max() < 1e-5
        assert run.info.artifact == f"torch-{form}-compiled-8x8" and run.compiling() is not None
    assert calls == [{"dynamic": False, "options": {"cpp.threads": 1}}]


def test_unknown_peers_and_formats_are_refused(bundle: Path) -> None:
    with pytest.raises(InputError, match="did you mean official"):
        open_peer(bundle, "offical", TILE, 1)
    with pytest.raises(InputError, match="memory format"):
        open_peer(bundle, "official", TILE, 1, "nhwc")


def test_a_changed_checkpoint_is_refused_before_it_is_read(bundle: Path) -> None:
    path = bundle / "reference" / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(InputError, match=r"reference/checkpoint\.safetensors"):
        reference_function(bundle, read_manifest(bundle))


def test_with_torch_the_reference_is_recomputed(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    found = open_reference(bundle, manifest, open_pack(bundle, manifest), 1)
    assert isinstance(found, ComputedReference) and "recomputed here with torch" in found.description


def test_without_torch_the_pack_serves_and_other_data_do_not(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    manifest = read_manifest(bundle)
    pack = open_pack(bundle, manifest)
    found = open_reference(bundle, manifest, pack, 1)
    assert isinstance(found, StoredReference) and found.overlap == manifest.reference.overlap
    (tmp_path / "own").mkdir()
    pack.items[0].hr.rename(tmp_path / "own" / "a.png")
    with pytest.raises(UnavailableError, match=r"dlgsanet-edge\[torch\].* leave --data away"):
        open_reference(bundle, manifest, open_folder(tmp_path / "own", 2), 1)
    with pytest.raises(UnavailableError, match="the torch official needs the package torch"):
        open_peer(bundle, "official", TILE, 1)
