"""Drawing the next batches while the device works on this one, without changing what is drawn."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np

from dlgsanet.training.data.batches import Batch, Draw

_DEPTH = 2  # batches ahead: enough to even out slow reads


class _Ahead:
    """Draws with a copy of the random numbers; each batch comes with their state after it."""

    def __init__(self, draw: Draw, pool: ThreadPoolExecutor) -> None:
        self._draw, self._pool = draw, pool
        self._waiting: deque[tuple[int, Future[tuple[Batch, Any]]]] = deque()
        self._rng: np.random.Generator | None = None

    def __call__(self, step: int, rng: np.random.Generator) -> Batch:
        if self._rng is None:
            self._rng = copy.deepcopy(rng)
        while len(self._waiting) < _DEPTH:
            ahead = step + len(self._waiting)
            self._waiting.append((ahead, self._pool.submit(self._draw_one, ahead, self._rng)))
        drawn_for, future = self._waiting.popleft()
        if drawn_for != step:
            raise ValueError(f"expected steps in order, found {step} after {drawn_for - 1}")
        batch, rng.bit_generator.state = future.result()
        return batch

    def _draw_one(self, step: int, rng: np.random.Generator) -> tuple[Batch, Any]:
        batch = self._draw(step, rng)
        return batch, rng.bit_generator.state


@contextmanager
def ahead(draw: Draw) -> Iterator[Draw]:
    """The same batches as `draw`, made in a thread. The given random numbers move only as batches are taken,
    so that a state saved between steps repeats what was not yet used."""
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        yield _Ahead(draw, pool)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
