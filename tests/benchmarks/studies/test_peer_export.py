from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.studies import peer_export
from dlgsanet.errors import BackendError, InputError


def test_an_environment_that_is_none_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give --python"):
        peer_export._run([str(tmp_path / "python")], "the peers' environment")
    with pytest.raises(BackendError, match="failed"):
        peer_export._run([sys.executable, "-c", "raise SystemExit(3)"], "the peers' environment")
