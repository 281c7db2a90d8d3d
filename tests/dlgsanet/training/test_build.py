"""What a configuration becomes: first weights, teachers, batches by stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dlgsanet.checkpoints import load_model, read_checkpoint, save_checkpoint
from dlgsanet.errors import InputError
from dlgsanet.network.config import named_config
from dlgsanet.network.model import DLGSANet
from dlgsanet.training import build
from dlgsanet.training.configuration.read import config_from_dict
from dlgsanet.training.objective import Distillation
from dlgsanet.training.process.workers import Worker

CPU = torch.device("cpu")
Tables = dict[str, Any]


@pytest.fixture
def nano_x4(tmp_path: Path) -> Path:
    path = tmp_path / "nano-x4.safetensors"
    save_checkpoint(path, DLGSANet(named_config("nano", 4)), {})
    return path


def test_start_from_another_scale_keeps_the_body(tables: Tables, nano_x4: Path) -> None:
    tables["model"] = {"variant": "nano", "scale": 2, "start_from": str(nano_x4)}
    model, source = build.initial_model(config_from_dict(tables)), load_model(nano_x4)
    key = "deep_feature_extraction.0.body.0.IDynamicDWConv.conv0.weight"
    assert torch.equal(model.state_dict()[key], source.state_dict()[key])
    tables["model"]["variant"] = "tiny"
    with pytest.raises(InputError, match="tiny network"):
        build.initial_model(config_from_dict(tables))


def test_an_assumed_activation_of_the_teacher_is_said(tables: Tables, nano_x4: Path, tmp_path: Path) -> None:
    assert build.notes(config_from_dict(tables)) == ()
    torch.save(dict(read_checkpoint(nano_x4).state), tmp_path / "plain.pth")
    for teacher, lines in ((nano_x4, 0), (tmp_path / "plain.pth", 1)):
        tables["distill"] = {"teacher": str(teacher)}
        assert len(build.notes(config_from_dict(tables))) == lines


def test_teachers_are_of_the_same_scale(tables: Tables, nano_x4: Path) -> None:
    tables["distill"] = {"teacher": str(nano_x4), "features": 0.1}
    objective = build.initial_objective(config_from_dict(tables), CPU)
    assert isinstance(objective, Distillation) and len(objective.projections) == 2
    tables["model"]["scale"] = 2
    with pytest.raises(InputError, match="scale 2, found x4"):
        build.initial_objective(config_from_dict(tables), CPU)


def test_batches_follow_the_stages(tables: Tables, tmp_path: Path) -> None:
    tables["stages"] = [{"start": 0.5, "patch": 12, "batch": 4}, {"start": 0.9, "patch": 16}]
    config = config_from_dict(tables)
    worker = Worker(CPU)
    stores = build.open_stores(config, tmp_path / "cache", worker, lambda *_: None)
    draw = build.drawer(config, build.samplers(config, stores), worker)
    shapes = [tuple(draw(step, np.random.default_rng(0))[0].shape) for step in range(6)]
    assert shapes == [(2, 3, 8, 8)] * 3 + [(4, 3, 12, 12)] * 3
    tables["stages"] = [{"start": 0.5, "patch": 100}]
    config = config_from_dict(tables)
    with pytest.raises(InputError, match="at least 400"):
        build.samplers(config, stores)


def test_a_stage_draws_from_its_own_folders(tables: Tables, tmp_path: Path) -> None:
    (tmp_path / "white").mkdir()
    white = np.full((64, 64, 3), 255, np.uint8)
    Image.fromarray(white).save(tmp_path / "white" / "one.png")
    tables["stages"] = [{"start": 0.5, "patch": 8, "train": str(tmp_path / "white")}]
    config = config_from_dict(tables)
    worker = Worker(CPU)
    stores = build.open_stores(config, tmp_path / "cache", worker, lambda *_: None)
    draw = build.drawer(config, build.samplers(config, stores), worker)
    hr = [draw(step, np.random.default_rng(0))[1] for step in range(config.schedule.steps)]
    assert [bool((one == 1).all()) for one in hr] == [False] * 3 + [True] * 3
