"""What this machine can do at most: multiply-adds of a large matrix product in each engine, and bytes copied.

An artifact's time is held against them as a share of the roofline. The engines' own products are the fair peak:
NumPy's library may use fewer instructions of a processor than they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from dlgsanet.errors import UnavailableError
from runtimes.backends.interface.backend import Operand
from runtimes.backends.registry import find_backend
from runtimes.probe_network import PRODUCT_SIDE

COPIED = 128 << 20  # bytes of one copy: far beyond any cache


@dataclass(frozen=True)
class Limit:
    """A task and how much of `unit` (multiply-adds, or bytes read and written) one call of it does."""

    name: str
    unit: str
    amount: float
    task: Callable[[], object]


def product_limits(families: Iterable[tuple[str, str]], threads: int) -> dict[tuple[str, str], Limit]:
    """The peak for each (backend, precision) that can run here; others are left out."""
    found = {}
    for backend, precision in dict.fromkeys(families):
        try:
            task = partial(find_backend(backend).open_product(precision, threads), *_operands(precision))
            task()  # some only then compile what they run
        except UnavailableError:
            continue
        found[backend, precision] = Limit(f"product-{backend}-{precision}", "MAC", float(PRODUCT_SIDE) ** 3, task)
    return found


def _operands(precision: str) -> tuple[Operand, Operand]:
    random, shape = np.random.default_rng(0), (PRODUCT_SIDE, PRODUCT_SIDE)
    if precision == "int8":
        return random.integers(0, 256, shape, np.uint8), random.integers(-127, 128, shape, np.int8)
    return random.random(shape, np.float32), random.random(shape, np.float32)


def copy_limit(threads: int) -> Limit:
    """Copying COPIED bytes with NumPy, shared out to `threads`."""
    source, target = np.ones(COPIED // 4, np.float32), np.zeros(COPIED // 4, np.float32)
    pieces = list(zip(np.array_split(target, threads), np.array_split(source, threads), strict=True))
    pool = ThreadPoolExecutor(threads)
    return Limit("copy", "B", 2.0 * COPIED, lambda: list(pool.map(lambda piece: np.copyto(*piece), pieces)))
