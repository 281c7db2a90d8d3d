from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.subjects.datasets import Dataset, open_folder
from benchmarks.subjects.reference import ComputedReference
from tests.benchmarks.accuracy.check.check_kit import OVERLAP, enlarge


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    random = np.random.default_rng(11)
    for name in ("a", "b", "c", "d"):
        smooth = np.kron(random.integers(40, 200, (6, 7, 3)), np.ones((5, 5, 1))).astype(np.uint8)
        Image.fromarray(smooth).save(tmp_path / f"{name}.png")
    return open_folder(tmp_path, 2)


@pytest.fixture
def reference() -> ComputedReference:
    return ComputedReference(enlarge, 2, "test", OVERLAP)
