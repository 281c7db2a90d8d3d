from __future__ import annotations

import pytest

from benchmarks.latency.fleet.options import read_hours
from dlgsanet.errors import InputError


@pytest.mark.parametrize(
    "text, hours", [("24h", 24), ("90min", 1.5), ("2d", 48), ("36", 36), ("1800s", 0.5), ("0.5h", 0.5)]
)
def test_times(text: str, hours: float) -> None:
    assert read_hours(text) == pytest.approx(hours)


@pytest.mark.parametrize("text", ["", "h", "0h", "-1h", "nanh", "infh", "1 fortnight", "1e9d"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(InputError, match="24h"):
        read_hours(text)
