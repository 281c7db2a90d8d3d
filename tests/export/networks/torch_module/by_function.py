"""A module that runs a function, for tests of what its code may do."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

Run = Callable[[torch.Tensor], torch.Tensor]


class By(nn.Module):
    """A module that runs a function."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.run(x)
