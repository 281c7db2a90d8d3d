"""What `upscale` costs beside its engine: the same tiles, and shares that add up."""

from __future__ import annotations

import numpy as np

from benchmarks.studies.upscale.pipeline import PipelineCost, table, tiles_of
from runtimes.backends.torch.runner import TorchRunner


def test_the_engine_gets_the_tiles_that_a_picture_gives_it() -> None:
    seen: list[np.ndarray] = []

    def twice(tile: np.ndarray) -> np.ndarray:
        seen.append(tile)
        return np.repeat(np.repeat(tile, 2, 2), 2, 3)

    picture = np.random.default_rng(0).random((1, 3, 60, 70), np.float32)
    with TorchRunner(twice, 2, None, "twice", largest=(32, 32)) as run:
        found = tiles_of(run, picture)
        list(run.rows(picture))
    assert len(found) == len(seen) > 4
    assert all(np.array_equal(one, other) for one, other in zip(found, seen, strict=True))


def test_shares_are_those_of_the_engine() -> None:
    lines = table(PipelineCost("a-fp32", "M", 40, 30, 4, 125.0, 100.0, 10, 1250.0, 200.0)).splitlines()
    assert lines[2] == "| one picture of 40x30 to PNG | 0.12 | 1.25 | 0.80 |"
    assert lines[3] == "| 10 such to JPEG | 1.25 | 1.25 | 0.80 |"
