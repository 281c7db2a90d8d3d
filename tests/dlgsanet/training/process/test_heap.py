"""Keeping freed memory: large tensors lie in the heap, which is kept, not in mappings that go with them."""

from __future__ import annotations

import subprocess
import sys

import pytest

_CODE = """
import sys
from pathlib import Path
import torch
from dlgsanet.training.process.heap import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
tensor = torch.zeros(16 << 20)
heap = next(line for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith("[heap]"))
first, last = (int(part, 16) for part in heap.split()[0].split("-"))
print(first <= tensor.data_ptr() < last)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
@pytest.mark.parametrize(("how", "kept"), [("keep", "True"), ("leave", "False")])
def test_large_tensors_lie_in_the_heap(how: str, kept: str) -> None:
    done = subprocess.run([sys.executable, "-c", _CODE, how], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == kept
