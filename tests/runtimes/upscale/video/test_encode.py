"""What encoding does to the process around it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from dlgsanet.command_line.voice import Voice
from runtimes.upscale.video.codecs import CODECS
from runtimes.upscale.video.run import run_video


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
@pytest.mark.parametrize("codec", CODECS)
def test_no_encoder_keeps_the_machine_for_itself(clip, plans, tmp_path, codec) -> None:
    """SVT-AV1 makes threads real-time ones where it may, as root."""
    run_video(plans.plan(clip, tmp_path / "large.mkv", codec=codec), Voice(quiet=True))
    policies = {os.sched_getscheduler(int(task.name)) for task in Path("/proc/self/task").iterdir()}
    assert policies == {os.SCHED_OTHER}
