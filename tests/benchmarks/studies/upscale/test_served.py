"""A served tile against the file's, in turn."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from benchmarks.studies.upscale.served import line, measure
from dlgsanet.errors import GateError
from runtimes.runner.contract import Runner
from runtimes.runner.tiling import Array


class Tile:
    """Of a runner what is asked for."""

    tile = (8, 8)

    def __init__(self, add: float) -> None:
        self._add = np.float32(add)
        self.info = type("Info", (), {"artifact": "x-fp32", "device": "a server"})

    def infer(self, lr: Array) -> Array:
        return lr + self._add


def test_both_are_timed_and_must_be_equal() -> None:
    found = measure(cast(Runner, Tile(0)), cast(Runner, Tile(0)), "nano", "M", 3)
    assert found.file_ms >= 0 and found.rounds == 3 and "of `nano` (x-fp32) takes" in line(found)
    with pytest.raises(GateError, match="is not the file's"):
        measure(cast(Runner, Tile(0)), cast(Runner, Tile(1e-6)), "nano", "M", 3)
