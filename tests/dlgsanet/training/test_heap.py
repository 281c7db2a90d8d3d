"""Keeping freed memory: the system is asked for it once, not at every step."""

from __future__ import annotations

import subprocess
import sys

import pytest

_CODE = """
import resource, sys
import torch
from dlgsanet.training.heap import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def work():
    torch.zeros(8 << 20).add_(1)
work()
before = faults()
for _ in range(10):
    work()
print(faults() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_pages_are_taken_once() -> None:
    def faults(how: str) -> int:
        done = subprocess.run([sys.executable, "-c", _CODE, how], capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert faults("keep") < faults("leave") / 10
