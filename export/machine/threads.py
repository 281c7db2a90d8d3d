"""How many threads PyTorch may use while the exporter runs networks of many small operations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def single_thread() -> Iterator[None]:
    """One thread for PyTorch inside the block.

    Most operations of these networks are too small to share. Where another program holds a core, each shared
    operation waits for it: on two busy cores, two threads took five times as long as one.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
