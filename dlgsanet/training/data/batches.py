"""What the loop asks for at each step, and what it gets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor

Batch = tuple[Tensor, Tensor]
"""LR and HR of this process, (N, 3, H, W) and (N, 3, sH, sW)."""

Draw = Callable[[int, np.random.Generator], Batch]
"""(step, random numbers) -> the batch of that step."""
