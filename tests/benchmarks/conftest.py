from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from benchmarks.records.latency import LatencyRecord
from runtimes.runner.contract import Runner


@pytest.fixture
def child_runners(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module `child_runners`, importable here and, as a spawned child inherits the path, there."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "subjects"))
    import child_runners

    return child_runners


@pytest.fixture
def nearest(child_runners: ModuleType) -> Callable[..., Runner]:
    """Makes fake runners: see `NearestRunner`."""
    make: Any = child_runners.NearestRunner
    return make


@pytest.fixture
def record() -> Callable[..., LatencyRecord]:
    """(side, ms, memory in MB) -> one square tile of `e-fp32`: see `result_examples.tile_record`."""
    from tests.benchmarks.records import result_examples

    return result_examples.tile_record
