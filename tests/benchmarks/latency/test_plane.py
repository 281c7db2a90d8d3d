"""Accuracy against time of several networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks.latency.plane import PlaneScore, planes, score, words
from benchmarks.records.latency import LatencyRecord, NetworkPoint
from benchmarks.subjects.datasets import Dataset, Item
from dlgsanet.errors import InputError
from dlgsanet.imaging.files import write_picture
from runtimes.runner.contract import Runner

Record = Callable[..., LatencyRecord]
Nearest = Callable[..., Runner]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[None, :, None] * 4, (64, 64, 3))
    write_picture(tmp_path / "ramp.png", np.ascontiguousarray(ramp))
    return Dataset("d", 2, (Item("ramp", tmp_path / "ramp.png"),), "bicubic-matlab8", "ours", "0" * 64)


def test_a_network_is_scored_through_its_own_tiles(nearest: Nearest, dataset: Dataset) -> None:
    protocol, opener = dataset.protocol((16, 16), 8), partial(nearest, tile=(16, 16))
    good = score(opener, dataset, protocol)
    worse = score(partial(opener, offset=0.05), dataset, protocol)
    assert good.psnr_db > worse.psnr_db + 3 and good.ssim is not None and not good.published
    with pytest.raises(InputError, match="changed"):
        score(partial(opener, fault="changed"), dataset, protocol)


def test_each_tile_has_a_plane_of_what_was_timed_and_scored(record: Record, dataset: Dataset) -> None:
    small, large, slow = record(8, 5.0), record(16, 9.0), replace(record(8, 7.0), artifact="slow")
    never = replace(record(8, 1.0), artifact="never", samples_ms=(), p50_ms=None, p50_low_ms=None, p50_high_ms=None)
    never = replace(never, output_megapixels_per_s=None)
    scores = {"slow": PlaneScore(31.0, 0.9), small.artifact: PlaneScore(30.0, 0.8), "never": PlaneScore(40.0, 1.0)}
    (found,) = planes([slow, never, small, large], scores, dataset)
    assert found.tile == (8, 8) and found.dataset == "d" and found.protocol.startswith("x2/y/b2/r8/")
    assert found.points == (
        NetworkPoint("m", "0" * 64, "e-fp32-8x8", 5.0, 30.0, 0.8),
        NetworkPoint("m", "0" * 64, "slow", 7.0, 31.0, 0.9),
    )
    assert found.named == (("e-fp32-8x8", "0" * 64), ("slow", "0" * 64))
    assert planes([large], scores, dataset) == ()


def test_the_slower_of_two_as_good_is_beaten_by_its_time_alone() -> None:
    points = [NetworkPoint("m", "", name, ms, db, None) for name, ms, db in (("a", 2.0, 30.0), ("b", 5.0, 30.001))]
    assert list(words(points)) == [
        "the best choice is a from 2.0 ms (30.00 dB).",
        "b is beaten: a is as good and 2.5 times as fast.",
    ]
