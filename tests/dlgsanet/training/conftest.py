"""A few small photographs and the smallest run over them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from dlgsanet.imaging.files import write_picture
from dlgsanet.training.configuration.read import TrainConfig, config_from_dict


def smooth_picture(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """HWC uint8 blocks of random colours."""
    coarse = np.random.default_rng(seed).random((height // 8 + 1, width // 8 + 1, 3))
    return (np.kron(coarse, np.ones((8, 8, 1)))[:height, :width] * 255).astype(np.uint8)


@pytest.fixture
def picture() -> Callable[[int, int, int], NDArray[np.uint8]]:
    """Makes a picture of a height and width from a seed."""
    return smooth_picture


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Three smooth random pictures and one broken file."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, (h, w) in enumerate([(70, 90), (64, 64), (101, 67)]):
        write_picture(folder / f"p{i}.png", smooth_picture(h, w, i))
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n")
    return folder


@pytest.fixture
def tables(photographs: Path) -> dict[str, dict[str, Any]]:
    """The tables of the smallest run, for tests to change."""
    return {
        "model": {"variant": "nano", "scale": 4},
        "data": {"train": str(photographs), "validation": "", "patch": 8, "batch": 2, "candidates": 2},
        "schedule": {"steps": 6, "warmup": 2},
        "optimizer": {"learning_rate": 1e-3},
        "run": {"log_every": 1, "save_every": 2, "threads": 1, "device": "cpu"},
    }


@pytest.fixture
def config(tables: dict[str, dict[str, Any]]) -> TrainConfig:
    """The smallest run."""
    return config_from_dict(tables)


@pytest.fixture
def quiet() -> Console:
    """A console that says nothing."""
    return Console(quiet=True)


@pytest.fixture
def losses() -> Callable[[Path], list[float]]:
    """Reads the losses that a run's log holds."""

    def read(folder: Path) -> list[float]:
        lines = (folder / "log.jsonl").read_text().splitlines()
        return [record["loss"] for line in lines if "loss" in (record := json.loads(line))]

    return read
