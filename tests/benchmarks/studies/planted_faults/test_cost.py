"""What the probes cost `check`: CPU time of two codes in turn, by processes that only look like it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.studies.planted_faults import cost
from benchmarks.studies.planted_faults.cost import CheckCost, table
from dlgsanet.errors import BackendError

BUSY = """import sys, time
end = time.process_time() + {seconds}
while time.process_time() < end: pass
sys.exit({code})
"""


def tree(folder: Path, seconds: float, code: int = 0) -> Path:
    """A checkout whose `dlgsanet` takes so much CPU time and ends so."""
    package = folder / "dlgsanet"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(BUSY.format(seconds=seconds, code=code))
    return folder


def test_the_time_is_that_of_the_code_in_the_tree(tmp_path: Path) -> None:
    little, much = (cost._cpu_s(tree(tmp_path / str(it), it), tmp_path) for it in (0.01, 0.6))
    assert much - little > 0.3


def test_a_check_that_fails_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="exit code 3"):
        cost._cpu_s(tree(tmp_path / "broken", 0, 3), tmp_path)


def test_a_row_has_the_median_of_the_ratios_of_rounds() -> None:
    found = CheckCost("nano-x4", "M, 2 cores", ("a-fp32",), (1.2, 2.4, 1.1), (1.0, 2.0, 1.0))
    row = table([found]).splitlines()[2]
    assert row.startswith("| nano-x4: `a-fp32` | M, 2 cores | 3 | 1.0 | 1.2 | **1.20** |") and "1.10 to 1.20" in row
