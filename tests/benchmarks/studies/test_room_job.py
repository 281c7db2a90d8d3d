from __future__ import annotations

import pytest

from benchmarks.studies import room_job
from dlgsanet.errors import BackendError


def test_a_job_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_job.sys, "executable", "false")
    with pytest.raises(
        BackendError, match=r"the process of benchmarks\.studies\.ablation_graphs returned 1; what it said stands above"
    ):
        room_job.ask("benchmarks.studies.ablation_graphs", {})
