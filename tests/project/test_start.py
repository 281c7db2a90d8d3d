"""Nobody waits for the command to start, nor a device for the import: processor time, which no other load touches."""

from __future__ import annotations

import subprocess
import sys

from tests.project.repository import ROOT

IMPORT_S = 0.06
START_S = 0.5


def processor_seconds(code: str) -> float:
    """What `code` takes in a fresh Python, the best of three."""
    told = f"import time; start = time.process_time()\n{code}\nprint(time.process_time() - start)"
    run = [sys.executable, "-c", told]
    return min(
        float(subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()[-1])
        for _ in range(3)
    )


def test_the_import_of_runtimes_is_quick() -> None:
    assert processor_seconds("import runtimes") < IMPORT_S


def test_the_command_starts_quickly() -> None:
    assert processor_seconds("from dlgsanet.__main__ import main; main(['upscale', '--help'])") < START_S


def test_slow_work_is_noticed() -> None:
    assert processor_seconds("sum(range(10**7))") > IMPORT_S
