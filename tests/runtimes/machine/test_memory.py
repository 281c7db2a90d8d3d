"""Memory is read from what the system tells, a container's limit included."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtimes.machine import memory

MEMINFO = "MemTotal:       8000 kB\nMemAvailable:   1000 kB\nSwapFree:        500 kB\nHugePages_Total:       0\n"


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system whose files are in this folder."""
    for name, path in (("_MEMINFO", "meminfo"), ("_STATUS", "status"), ("_CGROUP", "cgroup")):
        monkeypatch.setattr(memory, name, tmp_path / path)
    (tmp_path / "meminfo").write_text(MEMINFO)
    return tmp_path


def test_available_memory(system: Path) -> None:
    assert memory.available_bytes() == 1000 * 1024
    assert memory.available_with_swap_bytes() == 1500 * 1024
    (system / "cgroup").mkdir()
    (system / "cgroup/memory.max").write_text("700000\n")
    (system / "cgroup/memory.current").write_text("100000\n")
    assert memory.available_bytes() == 600_000
    (system / "cgroup/memory.max").write_text("max\n")
    assert memory.available_bytes() == 1000 * 1024


def test_a_system_that_tells_less(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (system / "meminfo").unlink()
    assert memory.available_bytes() == memory.total_bytes()
    monkeypatch.setattr(os, "sysconf_names", {})
    assert memory.available_bytes() is memory.available_with_swap_bytes() is memory.total_bytes() is None
    monkeypatch.setattr(memory.sys, "platform", "win32")
    assert memory.peak_rss_mb() is None


def test_the_peak_is_that_of_this_process(system: Path) -> None:
    (system / "status").write_text("Name:\tpython\nVmHWM:\t  2000 kB\nThreads:\t1\n")
    assert memory.peak_rss_mb() == 2000 * 1024 / 1e6
