"""spandrel's own loader with our architecture."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import ModuleType

import pytest
import torch

from dlgsanet.checkpoints import WEIGHTS, load_model
from dlgsanet.errors import InputError


def test_shipped_weights_are_recognised_and_give_our_pictures(spandrel: ModuleType) -> None:
    from dlgsanet.checkpoints.spandrel_architecture import install

    registry = spandrel.MAIN_REGISTRY.copy()
    install(registry)
    install(registry)  # a second node that asks for it
    lr = torch.rand(1, 3, 9, 11, generator=torch.Generator().manual_seed(0))
    for name in ("nano-x4", "tiny-x2"):
        found = spandrel.ModelLoader(registry=registry).load_from_file(WEIGHTS / f"{name}.safetensors")
        assert (found.architecture.id, found.purpose, found.scale) == ("DLGSANet", "SR", int(name[-1]))
        assert found.tags[0] == name.partition("-")[0] and found.tiling.name == "SUPPORTED"
        assert torch.equal(found(lr), load_model(name)(lr).clamp(0, 1))
        assert found.bfloat16()(lr.bfloat16()).isfinite().all()
        with pytest.raises(spandrel.UnsupportedDtypeError):
            found.half()


def test_no_other_architecture_takes_it_for_its_own(spandrel: ModuleType) -> None:
    from dlgsanet.checkpoints.spandrel_architecture import DlgsanetArchitecture

    state = {key: value.clone() for key, value in load_model("nano-x4").state_dict().items()}
    with pytest.raises(spandrel.UnsupportedModelError):
        spandrel.ModelLoader(registry=spandrel.MAIN_REGISTRY.copy()).load_from_state_dict(state)
    others = [it.architecture for it in spandrel.MAIN_REGISTRY if it.detect(state)]
    assert [it.id for it in others if it.id != "DLGSANet"] == []
    assert DlgsanetArchitecture().detect(state) and not DlgsanetArchitecture().detect({"conv.weight": torch.zeros(1)})


def test_weights_in_the_authors_wrapping_are_found_and_half_of_them_is_refused(
    spandrel: ModuleType, tmp_path: Path
) -> None:
    from dlgsanet.checkpoints.spandrel_architecture import install

    registry = spandrel.ArchRegistry()
    install(registry)
    state = load_model("nano-x4").state_dict()
    torch.save({"params_ema": state}, tmp_path / "net.pth")
    assert spandrel.ModelLoader(registry=registry).load_from_file(tmp_path / "net.pth").scale == 4
    missing = {key: value for key, value in state.items() if "restormer_ffn" not in key}
    with pytest.raises(InputError):
        registry.load(missing)


def test_the_folder_for_comfyui_installs_it(spandrel: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    from dlgsanet.checkpoints import spandrel_architecture

    installed: list[bool] = []
    monkeypatch.setattr(spandrel_architecture, "install", lambda: installed.append(True))
    node = Path(__file__).parents[3] / "examples" / "comfyui_dlgsanet" / "__init__.py"
    assert runpy.run_path(str(node))["NODE_CLASS_MAPPINGS"] == {} and installed == [True]
