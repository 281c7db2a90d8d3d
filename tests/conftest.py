"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

# Two test processes share two cores: more threads each would only make them wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A job that a shell runs in the background ignores Ctrl-C, and so would every process that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def conformance() -> Path:
    """Folder of the small vectors made by running the official network (see tests/data/README.md)."""
    return TESTS / "data" / "conformance"


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder with `bench/Set5`, `bench/B100` (never committed): $DLGSANET_DATA, else ../shared/data."""
    folder = Path(os.environ.get("DLGSANET_DATA", TESTS.parent.parent / "shared" / "data"))
    if not (folder / "bench" / "Set5" / "HR").is_dir():
        pytest.skip("evaluation images not here: set DLGSANET_DATA to a folder with bench/Set5 and bench/B100")
    return folder
