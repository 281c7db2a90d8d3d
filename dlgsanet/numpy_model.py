"""The reference network behind a NumPy door: for rooms and users that hold arrays, not tensors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dlgsanet.checkpoints import build_model, read_checkpoint
from dlgsanet.network.model import DLGSANet


@dataclass(frozen=True)
class NumpyModel:
    """(N, 3, H, W) float32 in [0, 1] -> (N, 3, sH, sW) float32, fp32 on the CPU. `notes`: lines about how the
    checkpoint was read."""

    model: DLGSANet
    notes: tuple[str, ...] = ()

    @classmethod
    def load(cls, name_or_path: str | Path, activation: str | None = None) -> NumpyModel:
        """A shipped name or a checkpoint file; InputError as `read_checkpoint`."""
        checkpoint = read_checkpoint(name_or_path, activation)
        return cls(build_model(checkpoint), checkpoint.notes)

    @property
    def scale(self) -> int:
        """Upsampling factor."""
        return self.model.scale

    def __call__(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            sr: NDArray[np.float32] = self.model(torch.from_numpy(np.ascontiguousarray(lr))).numpy()
        return sr
