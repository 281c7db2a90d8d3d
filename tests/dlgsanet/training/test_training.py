"""Training on small photographs: it learns, resumes to the same losses, keeps what it wrote."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from dlgsanet.checkpoints import load_model
from dlgsanet.imaging.errors import BackendError, InputError
from dlgsanet.imaging.files import write_picture
from dlgsanet.imaging.resize import downscale_matlab8
from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet
from dlgsanet.training import loop
from dlgsanet.training.config import TrainConfig, config_from_dict
from dlgsanet.training.data import PatchSampler, PatchStore, detail, open_store, oriented
from dlgsanet.training.run import LOG, train

QUIET = Console(quiet=True)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Three smooth random pictures and one broken file."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, (h, w) in enumerate([(70, 90), (64, 64), (101, 67)]):
        coarse = rng.random((h // 8 + 1, w // 8 + 1, 3))
        picture = np.kron(coarse, np.ones((8, 8, 1)))[:h, :w]
        write_picture(folder / f"p{i}.png", (picture * 255).astype(np.uint8))
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n")
    return folder


@pytest.fixture
def config(photographs: Path) -> TrainConfig:
    return config_from_dict(
        {
            "model": {"variant": "nano", "scale": 4},
            "data": {"train": str(photographs), "validation": "", "patch": 8, "batch": 2, "candidates": 2},
            "schedule": {"steps": 6, "warmup": 2},
            "optimizer": {"learning_rate": 1e-3},
            "run": {"log_every": 1, "save_every": 2, "threads": 1},
        }
    )


def losses(folder: Path) -> list[float]:
    lines = (folder / LOG).read_text().splitlines()
    return [record["loss"] for line in lines if "loss" in (record := json.loads(line))]


def store(photographs: Path, tmp_path: Path) -> PatchStore:
    return open_store(photographs, 4, tmp_path / "cache")


def test_store_keeps_pixels_and_names_what_it_skips(photographs: Path, tmp_path: Path) -> None:
    first = store(photographs, tmp_path)
    assert [image.name for image in first.images] == ["p0.png", "p1.png", "p2.png"]
    assert len(first.skipped) == 1 and first.skipped[0].startswith("broken.png")
    for image in first.images:
        lr, hr = first.views(image)
        assert hr.shape == (image.height * 4, image.width * 4, 3)
        assert np.array_equal(lr, downscale_matlab8(np.array(hr), 4))
    again = store(photographs, tmp_path)
    assert len(list((tmp_path / "cache").iterdir())) == 1 and again.images == first.images


def test_changed_folders_are_prepared_anew(photographs: Path, tmp_path: Path) -> None:
    store(photographs, tmp_path)
    write_picture(photographs / "p9.png", np.zeros((64, 64, 3), np.uint8))
    assert len(store(photographs, tmp_path).images) == 4


def test_patches_are_aligned_cuts(photographs: Path, tmp_path: Path) -> None:
    sampler = PatchSampler(store(photographs, tmp_path), patch=16)
    lr, hr = sampler.batch(5, np.random.default_rng(1))
    assert lr.shape == (5, 3, 16, 16) and hr.shape == (5, 3, 64, 64)
    shrunk = np.stack([downscale_matlab8((p.transpose(1, 2, 0) * 255).round().astype(np.uint8), 4) for p in hr])
    inner = np.abs(shrunk.transpose(0, 3, 1, 2)[..., 2:-2, 2:-2] / 255 - lr[..., 2:-2, 2:-2])
    assert inner.max() <= 1.01 / 255  # only the order of rounding differs in turned patches


def test_eight_orientations_are_distinct_and_candidates_prefer_detail() -> None:
    patch = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    assert len({oriented(patch, k).tobytes() for k in range(8)}) == 8
    assert detail(np.zeros((4, 4, 3), np.uint8)) == 0 < detail(patch)


def test_images_smaller_than_the_patch(photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 400"):
        PatchSampler(store(photographs, tmp_path), patch=100)


@pytest.mark.parametrize("make", [True, False])
def test_empty_or_missing_folder(tmp_path: Path, make: bool) -> None:
    if make:
        (tmp_path / "none").mkdir()
    with pytest.raises(InputError):
        open_store(tmp_path / "none", 4, tmp_path / "cache")
    assert not (tmp_path / "cache").exists() or not list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_goes_on_to_the_same_losses_and_weights(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    whole = train(config, tmp_path / "whole", tmp_path / "cache", QUIET)
    update = loop._update_average

    def interrupted(state: loop.TrainState, decay: float) -> None:
        if state.step == 3:
            os.kill(os.getpid(), number)  # in the middle of the fourth step
        update(state, decay)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_update_average", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path / "parts", tmp_path / "cache", QUIET)
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")[:4]
    parts = train(config, tmp_path / "parts", tmp_path / "cache", QUIET)
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    a, b = load_model(whole).state_dict(), load_model(parts).state_dict()
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_another_configuration_cannot_resume(config: TrainConfig, tmp_path: Path) -> None:
    train(config, tmp_path / "run", tmp_path / "cache", QUIET)
    other = replace(config, data=replace(config.data, batch=3))
    with pytest.raises(InputError, match=r"differs in data\.batch"):
        train(other, tmp_path / "run", tmp_path / "cache", QUIET)


def test_damaged_state_is_refused(config: TrainConfig, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "last.pt").write_bytes(b"half a file")
    with pytest.raises(InputError, match="cannot resume"):
        train(config, tmp_path / "run", tmp_path / "cache", QUIET)


def test_learning_lowers_the_loss(config: TrainConfig, tmp_path: Path) -> None:
    longer = replace(config, schedule=replace(config.schedule, steps=60), optimizer=replace(config.optimizer, ema=0.9))
    train(longer, tmp_path / "run", tmp_path / "cache", QUIET)
    seen = losses(tmp_path / "run")
    assert np.mean(seen[-10:]) < 0.7 * np.mean(seen[:5])


def test_nan_stops_before_it_spoils_the_weights(config: TrainConfig) -> None:
    model = DLGSANet(ModelConfig(12, 1, 1, 4))
    state = loop.new_state(model, config.optimizer, 0)
    before = {key: value.clone() for key, value in model.state_dict().items()}

    def poisoned(_: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.full((1, 3, 8, 8), torch.nan), torch.zeros(1, 3, 32, 32)

    with pytest.raises(BackendError, match="nan at step 0"):
        loop.fit(state, config, poisoned, lambda _: None)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_full_disk_keeps_the_previous_checkpoint(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = loop.new_state(DLGSANet(ModelConfig(12, 1, 1, 4)), config.optimizer, 0)
    loop.save_state(tmp_path / "last.pt", state, config)
    before = (tmp_path / "last.pt").read_bytes()

    def full(content: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(InputError, match="No space left"):
        loop.save_state(tmp_path / "last.pt", state, config)
    assert (tmp_path / "last.pt").read_bytes() == before and len(list(tmp_path.glob("*.pt"))) == 1


def test_schedules() -> None:
    cosine = config_from_dict(
        {"model": {"variant": "nano", "scale": 2}, "data": {"train": "x"}, "schedule": {"steps": 100, "warmup": 10}}
    ).schedule
    rates = [loop.learning_rate(step, 1.0, cosine) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == 1.0 and rates[100] == pytest.approx(1e-6)
    step = replace(cosine, kind="step", warmup=0)
    assert [loop.learning_rate(s, 1.0, step) for s in (0, 50, 80, 90, 95)] == [1, 0.5, 0.25, 0.125, 0.0625]


def test_start_from_another_scale_keeps_the_body(config: TrainConfig, tmp_path: Path) -> None:
    first = train(config, tmp_path / "x4", tmp_path / "cache", QUIET)
    from dlgsanet.training.run import _initial_model

    x2 = replace(config, model=replace(config.model, scale=2, start_from=str(first)))
    model, source = _initial_model(x2), load_model(first)
    key = "deep_feature_extraction.0.body.0.IDynamicDWConv.conv0.weight"
    assert torch.equal(model.state_dict()[key], source.state_dict()[key])
    tiny = replace(config, model=replace(config.model, variant="tiny", start_from=str(first)))
    with pytest.raises(InputError, match="tiny network"):
        _initial_model(tiny)
