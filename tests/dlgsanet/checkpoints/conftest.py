"""A whole state of a small network."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet

CONFIG = ModelConfig(18, 2, 1, 3)


@pytest.fixture
def config() -> ModelConfig:
    return CONFIG


@pytest.fixture
def state() -> dict[str, Tensor]:
    torch.manual_seed(3)
    return {key: value.clone() for key, value in DLGSANet(CONFIG).state_dict().items()}
