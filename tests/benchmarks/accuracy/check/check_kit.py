"""Runners that repeat pixels, and what `check` makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.accuracy.check import Checked
from benchmarks.records.accuracy import AccuracyRecord
from benchmarks.subjects.datasets import Dataset
from benchmarks.subjects.subject import Origin, Subject
from dlgsanet.imaging.pixels import to_nchw
from runtimes.runner.contract import Runner
from runtimes.runner.tiling import Array, upscale_tiled

MODEL = Origin("model", "b" * 64, 2)
TILE = (8, 8)
OVERLAP = 4
Nearest = Callable[..., Runner]


def enlarge(lr: Array) -> Array:
    return lr.repeat(2, 2).repeat(2, 3)


def subject(runner: Runner, name: str = "fake-fp32-8x8", precision: str = "fp32") -> Subject:
    return Subject(name, precision, TILE, runner, role="artifact", backend="fake")


def record(checked: Checked, artifact: str = "fake-fp32-8x8") -> AccuracyRecord:
    (found,) = (record for record in checked.records if record.artifact == artifact)
    return found


def stored_pack(dataset: Dataset, folder: Path) -> Dataset:
    """The same images with what the reference makes of them, as a bundle stores it."""
    items = []
    for sample in dataset.samples():
        path = folder / f"{sample.item.name}.npy"
        np.save(path, upscale_tiled(enlarge, to_nchw(sample.lr), 2, TILE, OVERLAP))
        items.append(replace(sample.item, sr={"8x8": path}))
    return replace(dataset, items=tuple(items))
