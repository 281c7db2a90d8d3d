"""Saving and loading the state: whole, atomic, of this configuration, and of version 0.1 too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dlgsanet.errors import InputError
from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet
from dlgsanet.training.configuration.read import TrainConfig
from dlgsanet.training.configuration.sections import DistillSection
from dlgsanet.training.objective import Distillation, matching_groups
from dlgsanet.training.state import TrainState, load_state, new_state, save_state

SMALL = ModelConfig(12, 1, 1, 4)


def state(config: TrainConfig, seed: int = 0, precision: str = "fp32") -> TrainState:
    torch.manual_seed(seed)
    options = DistillSection("t", features=1.0)
    objective = Distillation(DLGSANet(SMALL), DLGSANet(SMALL), options, taps=matching_groups(1, 1))
    return new_state(objective, config.optimizer, seed, precision)


def test_everything_comes_back(config: TrainConfig, tmp_path: Path) -> None:
    first, second = state(config, 1, "fp16"), state(config, 2, "fp16")
    first.step, first.best_psnr, first.seconds = 5, 30.5, 12.0
    first.scaler.load_state_dict({**first.scaler.state_dict(), "scale": 128.0})
    first.rng.random(7)
    save_state(tmp_path / "last.pt", first, config)
    drawn = torch.rand(3)
    load_state(tmp_path / "last.pt", second, config)
    assert torch.equal(torch.rand(3), drawn)
    assert (second.step, second.best_psnr, second.seconds) == (5, 30.5, 12.0)
    assert second.scaler.get_scale() == 128.0
    assert first.rng.random() == second.rng.random()
    for one, other in ((first.objective, second.objective), (first.average, second.average)):
        assert all(torch.equal(one.state_dict()[key], value) for key, value in other.state_dict().items())
    assert any(key.startswith("projections") for key in second.objective.state_dict())


def test_states_of_version_0_1_go_on(config: TrainConfig, tmp_path: Path) -> None:
    first = state(config)
    save_state(tmp_path / "last.pt", first, config)
    content = torch.load(tmp_path / "last.pt", weights_only=True)
    (content["optimizer"],) = content.pop("optimizers")
    for key in ("objective", "scaler", "torch_rng"):
        del content[key]
    for table, keys in {"data": ("lr", "forbidden"), "run": ("device", "compile", "channels_last")}.items():
        for key in keys:
            content["config"][table].pop(key)
    for table in ("loss", "distill", "stages"):
        del content["config"][table]
    torch.save(content, tmp_path / "last.pt")
    load_state(tmp_path / "last.pt", first, replace(config, run=replace(config.run, device="auto")))


def test_another_configuration_and_damage_are_refused(config: TrainConfig, tmp_path: Path) -> None:
    first = state(config)
    save_state(tmp_path / "last.pt", first, config)
    other = replace(config, data=replace(config.data, batch=3))
    with pytest.raises(InputError, match=r"differs in data\.batch"):
        load_state(tmp_path / "last.pt", first, other)
    (tmp_path / "last.pt").write_bytes(b"half a file")
    with pytest.raises(InputError, match="cannot resume"):
        load_state(tmp_path / "last.pt", first, config)


PARTS = ("config", "model", "average", "optimizers", "rng", "step", "best_psnr", "seconds")


@pytest.mark.parametrize("part", ["list", "only the configuration", *PARTS])
@pytest.mark.parametrize("instead", [None, {"a": 1}, float("nan")])
def test_what_is_no_whole_state_is_one_line(config: TrainConfig, tmp_path: Path, part: str, instead: object) -> None:
    first = state(config)
    save_state(tmp_path / "last.pt", first, config)
    content = torch.load(tmp_path / "last.pt", weights_only=True)
    if part == "list":
        content = [content, instead]
    elif part == "only the configuration":
        content = {"config": content["config"]}
    else:
        content[part] = instead
    torch.save(content, tmp_path / "last.pt")
    with pytest.raises(InputError, match="cannot resume from"):
        load_state(tmp_path / "last.pt", first, config)


def test_an_optimizer_that_would_fail_in_its_next_step_is_refused(config: TrainConfig, tmp_path: Path) -> None:
    first = state(config)
    for parameter in first.parameters:
        parameter.grad = torch.zeros_like(parameter)
    first.optimizers[0].step()
    save_state(tmp_path / "last.pt", first, config)
    content = torch.load(tmp_path / "last.pt", weights_only=True)
    content["optimizers"][0]["state"][0]["exp_avg"] = torch.zeros(3)
    torch.save(content, tmp_path / "last.pt")
    with pytest.raises(InputError, match="not a whole training state"):
        load_state(tmp_path / "last.pt", first, config)


def test_full_disk_keeps_the_previous_checkpoint(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_state(tmp_path / "last.pt", state(config), config)
    before = (tmp_path / "last.pt").read_bytes()

    def full(content: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(InputError, match="No space left"):
        save_state(tmp_path / "last.pt", state(config), config)
    assert (tmp_path / "last.pt").read_bytes() == before and len(list(tmp_path.glob("*.pt"))) == 1
