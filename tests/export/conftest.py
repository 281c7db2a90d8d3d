"""Small random networks whose every parameter matters: norms, biases and temperatures are not left at 1 and 0."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dlgsanet.checkpoints import save_checkpoint
from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet

MakeModel = Callable[..., DLGSANet]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _make(channels: int = 12, scale: int = 4, dynamic: bool = True, activation: str = "relu") -> DLGSANet:
    torch.manual_seed(0)
    model = DLGSANet(ModelConfig(channels, 1, 1, scale, dynamic, activation)).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if "norm" in name or "temperature" in name:
            parameter += 0.3 * torch.randn_like(parameter)
    return model


@pytest.fixture(scope="session")
def make_model() -> MakeModel:
    """(channels=12, scale=4, dynamic=True, activation="relu") -> a network of one group and one block pair."""
    return _make


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest network as a file: C=12, G=1, B=1, x4."""
    path = tmp_path_factory.mktemp("checkpoint") / "small.safetensors"
    save_checkpoint(path, _make(), {"training": "none"})
    return path


@pytest.fixture(scope="session")
def make_graph() -> Callable[[tuple[int, int]], Any]:
    """(tile) -> the same network rewritten, as an ONNX model of operator set 18."""
    from export.graph.build import build_onnx
    from export.rewriting.rewrite import rewrite
    from export.targets.table import Target

    def make(tile: tuple[int, int]) -> Any:
        result = rewrite(_make(), Target("onnxruntime", "fp32", tile))
        return build_onnx(result.model, name="small", tile=tile, scale=4, opset=18)

    return make


@pytest.fixture(scope="session")
def to_db() -> Callable[[np.ndarray, np.ndarray], float]:
    """PSNR of two float pictures, peak 1, no clamping."""

    def db(found: np.ndarray, expected: np.ndarray) -> float:
        assert found.shape == expected.shape
        error = float(np.mean((found.astype(np.float64) - expected) ** 2))
        return -10 * float(np.log10(max(error, 1e-30)))

    return db
