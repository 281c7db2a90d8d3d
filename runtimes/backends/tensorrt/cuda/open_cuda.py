"""Which way to CUDA works here: torch tensors where torch is there (one context and allocator with it), else
cuda-python, else ctypes on libcudart, which every JetPack has."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

from dlgsanet.errors import UnavailableError
from runtimes.backends.tensorrt.cuda.by_runtime_library import CtypesCuda, PythonCuda
from runtimes.backends.tensorrt.cuda.by_torch import TorchCuda
from runtimes.backends.tensorrt.cuda.interface import Cuda
from runtimes.backends.torch import ENGINE as TORCH

NO_GPU = "no NVIDIA GPU"


def open_cuda(*, torch: bool = True) -> Cuda:
    """The first way that works here; `torch=False` leaves torch out, where importing it is not worth its seconds.

    Raises UnavailableError, beginning with `NO_GPU`, naming what was tried.
    """
    worth_it = torch and _may_have_gpu() and importlib.util.find_spec(TORCH.module)
    ways: list[Callable[[], Cuda]] = [TorchCuda] if worth_it else []
    reasons = []
    for way in (*ways, PythonCuda, CtypesCuda):
        try:
            return way()
        except UnavailableError as error:
            reasons.append(str(error))
    raise UnavailableError(f"{NO_GPU} can be used here ({'; '.join(reasons)})")


def _may_have_gpu() -> bool:
    """Whether a driver shows itself (desktop, Jetson, WSL): else torch need not be imported to see no GPU."""
    nodes = ("/dev/nvidiactl", "/dev/nvhost-gpu", "/dev/nvgpu", "/dev/nvmap", "/dev/dxg")
    return not sys.platform.startswith("linux") or any(Path(node).exists() for node in nodes)
