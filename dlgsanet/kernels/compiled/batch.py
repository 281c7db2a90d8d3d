"""Sharing the images of a batch among threads that run compiled code, which works without Python's lock."""

from __future__ import annotations

import ctypes
import functools
import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from dlgsanet.errors import BackendError

_FORMATS = {torch.float32: 0, torch.bfloat16: 1}
Part = tuple[int, int]  # first image, and the one after the last


def require_supported(t: Tensor) -> None:
    """Refuse what the C forms cannot read."""
    if t.device.type != "cpu" or t.dtype not in _FORMATS:
        raise ValueError(f"expected fp32 or bf16 on a CPU, found {t.dtype} on {t.device}")


def element_of(t: Tensor) -> tuple[str, int]:
    """The C sources' constant for the elements of a picture."""
    return "HALF", _FORMATS[t.dtype]


def parts(images: int) -> list[Part]:
    """The batch in as many parts as torch has threads."""
    count = max(1, min(images, torch.get_num_threads()))
    cuts = [images * part // count for part in range(count + 1)]
    return list(itertools.pairwise(cuts))


def in_threads(work: Callable[[int, Part], int], shared: Sequence[Part]) -> None:
    """Do every part, `work(number, part)`; what it returns is the C functions' "no memory"."""
    spread = map if len(shared) == 1 else _pool(len(shared)).map
    if max(spread(work, range(len(shared)), shared)):
        raise BackendError("a compiled operator found no memory for its rows of one image: lower data.batch")


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Kept: a step has some two hundred of these calls."""
    return ThreadPoolExecutor(threads)


def pointer(t: Tensor) -> ctypes.c_void_p:
    """Where a tensor's elements begin."""
    return ctypes.c_void_p(t.data_ptr())


def added(sums: Tensor) -> Tensor:
    """The sum over the parts, each thread's own."""
    return sums[0] if len(sums) == 1 else sums.sum(0)
