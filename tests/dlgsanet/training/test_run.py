"""Whole runs: they learn, resume to the same losses with everything switched on, keep and say what they should."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from dlgsanet.checkpoints import load_model, save_checkpoint
from dlgsanet.errors import BackendError, InputError
from dlgsanet.imaging.files import write_picture
from dlgsanet.network.config import named_config
from dlgsanet.network.model import DLGSANet
from dlgsanet.training import loop
from dlgsanet.training.configuration.read import TrainConfig, config_from_dict
from dlgsanet.training.run import train
from dlgsanet.training.state import TrainState

Losses = Callable[[Path], list[float]]
Tables = dict[str, Any]


def interrupt_at(step: int, number: signal.Signals, patch: pytest.MonkeyPatch) -> None:
    update = loop.update_average

    def interrupted(state: TrainState, decay: float) -> None:
        if state.step == step:
            os.kill(os.getpid(), number)  # in the middle of a step
        update(state, decay)

    patch.setattr(loop, "update_average", interrupted)


def everything(tables: Tables, tmp_path: Path) -> Tables:
    """A run with all that has a state of its own: fp16, Muon, distillation, stages, accumulation, clipping."""
    teacher = tmp_path / "teacher.safetensors"
    save_checkpoint(teacher, DLGSANet(named_config("nano", 4)), {})
    return {
        **tables,
        "optimizer": {"kind": "muon", "learning_rate": 1e-3, "accumulate": 2, "clip_norm": 0.5, "weight_decay": 0.01},
        "loss": {"kind": "charbonnier", "fft": 0.1},
        "distill": {"teacher": str(teacher), "features": 0.5},
        "stages": [{"start": 0.5, "patch": 10, "batch": 4}],
        "run": {**tables["run"], "precision": "fp16"},
    }


@pytest.mark.parametrize(("number", "full"), [(signal.SIGINT, False), (signal.SIGTERM, True)])
def test_an_interrupted_run_goes_on_to_the_same_losses_and_weights(
    tables: Tables, full: bool, number: signal.Signals, losses: Losses, tmp_path: Path, quiet: Console,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    config = config_from_dict(everything(tables, tmp_path) if full else tables)
    whole = train(config, tmp_path / "whole", tmp_path / "cache", quiet)
    with monkeypatch.context() as patch:
        interrupt_at(3, number, patch)
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path / "parts", tmp_path / "cache", quiet)
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")[:4]
    parts = train(config, tmp_path / "parts", tmp_path / "cache", quiet)
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    a, b = load_model(whole).state_dict(), load_model(parts).state_dict()
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_learning_lowers_the_loss(config: TrainConfig, losses: Losses, tmp_path: Path, quiet: Console) -> None:
    longer = replace(config, schedule=replace(config.schedule, steps=60), optimizer=replace(config.optimizer, ema=0.9))
    train(longer, tmp_path / "run", tmp_path / "cache", quiet)
    seen = losses(tmp_path / "run")
    assert np.mean(seen[-10:]) < 0.7 * np.mean(seen[:5])


def test_what_cannot_be_used_is_named_and_progress_goes_to_files_too(
    tables: Tables, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables["data"]["patch"] = 17
    tables["schedule"]["steps"] = 2
    train(config_from_dict(tables), tmp_path / "run", tmp_path / "cache", Console(stderr=True, width=400))
    said = capsys.readouterr().err
    assert "skipped 1 images that cannot be used: broken.png" in said
    assert "skipped 2 images smaller than a patch of 68 pixels: p1.png; p2.png" in said
    assert "step 1 of 2  loss" in said and "img/s" in said and "left" in said


def test_validation_keeps_the_best_and_test_images_are_refused(
    tables: Tables, picture: Callable[[int, int, int], Any], tmp_path: Path, quiet: Console
) -> None:
    write_picture(tmp_path / "Set1" / "a.png", picture(40, 40, 9))
    tables["data"]["validation"] = str(tmp_path / "Set1")
    tables["schedule"]["steps"], tables["run"]["validate_every"] = 1, 1
    train(config_from_dict(tables), tmp_path / "run", tmp_path / "cache", quiet)
    assert (tmp_path / "run" / "best.safetensors").is_file()
    write_picture(tmp_path / "Set1" / "b.png", picture(64, 64, 1))
    with pytest.raises(InputError, match=r"p1\.png \(is Set1/b\.png\)"):
        train(config_from_dict(tables), tmp_path / "other", tmp_path / "cache", quiet)
    tables["data"]["forbidden"], tables["data"]["validation"] = [str(tmp_path / "Set1")], ""
    with pytest.raises(InputError, match="no test image"):
        train(config_from_dict(tables), tmp_path / "other", tmp_path / "cache", quiet)
    assert not (tmp_path / "other").exists()  # refused data leave no empty run behind


def test_the_batch_of_a_faulty_step_is_kept(
    config: TrainConfig, tmp_path: Path, quiet: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(*_: object) -> float:
        return float("nan")

    monkeypatch.setattr(loop, "_gradients", endless)
    with pytest.raises(BackendError, match=r"nan at step 0.*fault-step0-process0\.pt"):
        train(config, tmp_path / "run", tmp_path / "cache", quiet)
    kept = torch.load(tmp_path / "run" / "fault-step0-process0.pt", weights_only=True)
    assert kept["lr"].shape == (2, 3, 8, 8) and kept["hr"].shape == (2, 3, 32, 32)
    DLGSANet(named_config("nano", 4)).load_state_dict(kept["model"])
    assert not (tmp_path / "run" / "last.pt").exists()


def test_a_file_in_the_place_of_the_run_is_one_line(config: TrainConfig, tmp_path: Path, quiet: Console) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(InputError, match="found the file"):
        train(config, tmp_path / "run", tmp_path / "cache", quiet)
    assert (tmp_path / "run").read_text() == "mine"


def test_another_configuration_cannot_resume(config: TrainConfig, tmp_path: Path, quiet: Console) -> None:
    short = replace(config, schedule=replace(config.schedule, steps=1))
    train(short, tmp_path / "run", tmp_path / "cache", quiet)
    with pytest.raises(InputError, match=r"differs in schedule\.steps"):
        train(config, tmp_path / "run", tmp_path / "cache", quiet)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_training_on_a_gpu_goes_on_and_stays_near_the_cpu(
    tables: Tables, precision: str, losses: Losses, tmp_path: Path, quiet: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(config_from_dict(tables), tmp_path / "cpu", tmp_path / "cache", quiet)
    tables["run"].update(device="cuda", precision=precision)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_at(3, signal.SIGINT, patch)
        train(config_from_dict(tables), tmp_path / "gpu", tmp_path / "cache", quiet)
    train(config_from_dict(tables), tmp_path / "gpu", tmp_path / "cache", quiet)
    assert losses(tmp_path / "gpu") == pytest.approx(
        losses(tmp_path / "cpu"), rel=1e-3 if precision == "fp32" else 0.03
    )


def test_fused_operators_learn_the_same_and_are_named(
    tables: Tables, losses: Losses, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for form in ("plain", "c"):
        config = config_from_dict({**tables, "run": {**tables["run"], "kernels": form}})
        train(config, tmp_path / form, tmp_path / "cache", Console(soft_wrap=True))
    assert "operators: plain (as configured)" in (said := capsys.readouterr().out)
    assert "operators: c (as configured)" in said
    assert losses(tmp_path / "c") == pytest.approx(losses(tmp_path / "plain"), rel=1e-4)
    plain, fused = (load_model(tmp_path / form / "final.safetensors").state_dict() for form in ("plain", "c"))
    assert list(plain) == list(fused)
