"""CUDA memory, streams and events for the runner, without pycuda: one interface, three ways to have it.

Torch tensors where torch is there (one context and allocator with it), else cuda-python, else ctypes on libcudart,
which every JetPack has.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlgsanet.errors import BackendError, UnavailableError
from runtimes.runner.tiling import Array

NO_GPU = "no NVIDIA GPU"


@dataclass(frozen=True)
class Gpu:
    """One device; `sm` such as sm87; memory in bytes, shared with the CPU on Jetson."""

    name: str
    sm: str
    total_bytes: int
    free_bytes: int


@dataclass(frozen=True)
class HostBuffer:
    """Pinned memory: `array` is a view of it, float32; `handle` keeps it alive, or is its address."""

    array: Array
    handle: Any


@dataclass(frozen=True)
class DeviceBuffer:
    """Memory of the GPU."""

    address: int
    nbytes: int
    handle: Any = None


class Cuda(ABC):
    """One GPU. Everything asked of it belongs to it: `close` waits for the GPU and gives all of it back."""

    name: str
    """How the GPU is reached, for `RunInfo.versions`."""

    @abstractmethod
    def gpu(self) -> Gpu:
        """The device that this process uses."""

    @abstractmethod
    def stream(self) -> Any:
        """A new stream, not the default one."""

    @abstractmethod
    def stream_handle(self, stream: Any) -> int:
        """The stream as TensorRT takes it."""

    @abstractmethod
    def host(self, shape: tuple[int, ...]) -> HostBuffer:
        """Pinned float32 memory."""

    @abstractmethod
    def device(self, nbytes: int) -> DeviceBuffer:
        """Memory of the GPU."""

    @abstractmethod
    def upload(self, target: DeviceBuffer, source: HostBuffer, stream: Any) -> None:
        """Enqueue a copy to the GPU."""

    @abstractmethod
    def download(self, target: HostBuffer, source: DeviceBuffer, stream: Any) -> None:
        """Enqueue a copy from the GPU."""

    @abstractmethod
    def event(self) -> Any:
        """A new event that can be timed."""

    @abstractmethod
    def record(self, event: Any, stream: Any) -> None:
        """Enqueue: the event has happened when the stream comes here."""

    @abstractmethod
    def wait(self, stream: Any, event: Any) -> None:
        """Enqueue: the stream goes on when the event has happened; at once if it was never recorded."""

    @abstractmethod
    def elapsed_ms(self, first: Any, second: Any) -> float:
        """Milliseconds between two events that have happened."""

    @abstractmethod
    def synchronize(self, stream: Any) -> None:
        """Wait on the host until the stream is empty; what failed on the GPU raises BackendError here."""

    @abstractmethod
    def capture(self, stream: Any, enqueue: Callable[[], None]) -> Callable[[], None]:
        """Record what `enqueue` puts on the stream as a CUDA graph, without running it; calling the result does."""

    @abstractmethod
    def close(self) -> None:
        """Give everything back. May be called twice."""


def open_cuda(*, torch: bool = True) -> Cuda:
    """The first way that works here; `torch=False` leaves torch out, where importing it is not worth its seconds.

    Raises UnavailableError, beginning with `NO_GPU`, naming what was tried.
    """
    from runtimes.backends.tensorrt.cuda.by_runtime_library import CtypesCuda, PythonCuda
    from runtimes.backends.tensorrt.cuda.by_torch import TorchCuda

    worth_it = torch and _may_have_gpu() and importlib.util.find_spec("torch")
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


def require_contiguous(array: Array) -> Array:
    """Refuse what a copy of plain bytes would tear apart."""
    if not array.flags.c_contiguous or array.dtype != np.float32:
        raise BackendError(f"expected contiguous float32 in pinned memory, found {array.dtype}: please report this")
    return array
