"""Drawing ahead gives the same batches and leaves the random numbers where the taken batches left them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dlgsanet.training.data.batches import Batch
from dlgsanet.training.data.prefetch import ahead


def draw(step: int, rng: np.random.Generator) -> Batch:
    if step == 7:
        raise OSError("the disk is gone")
    value = torch.tensor([step + rng.random()])
    return value, value


def test_same_batches_and_resumable_between_steps() -> None:
    plain_rng, rng = np.random.default_rng(3), np.random.default_rng(3)
    plain = [draw(step, plain_rng)[0].item() for step in range(6)]
    with ahead(draw) as drawn:
        first = [drawn(step, rng)[0].item() for step in range(3)]
    with ahead(draw) as drawn:  # a run that was stopped and goes on
        rest = [drawn(step, rng)[0].item() for step in range(3, 6)]
    assert first + rest == plain
    assert rng.bit_generator.state == plain_rng.bit_generator.state


def test_errors_come_where_they_belong() -> None:
    rng = np.random.default_rng(0)
    with ahead(draw) as drawn:
        drawn(5, rng)
        drawn(6, rng)
        with pytest.raises(OSError, match="disk is gone"):
            drawn(7, rng)
    with ahead(draw) as drawn:
        drawn(0, rng)
        with pytest.raises(ValueError, match="in order"):
            drawn(3, rng)
