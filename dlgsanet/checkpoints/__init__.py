"""Reading, recognising and saving checkpoints. Nothing in a file is ever executed (`weights_only`, safetensors)."""

from __future__ import annotations

from dlgsanet.checkpoints.checkpoint import (
    WEIGHTS,
    Checkpoint,
    build_model,
    load_model,
    read_checkpoint,
    save_checkpoint,
    shipped_names,
)
from dlgsanet.checkpoints.layouts import AnotherNetworkError

__all__ = [
    "WEIGHTS",
    "AnotherNetworkError",
    "Checkpoint",
    "build_model",
    "load_model",
    "read_checkpoint",
    "save_checkpoint",
    "shipped_names",
]
