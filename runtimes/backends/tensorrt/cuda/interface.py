"""CUDA memory, streams and events for the runner, without pycuda: one interface, whatever it is reached by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlgsanet.errors import BackendError
from runtimes.runner.tiling import Array


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


@dataclass(frozen=True)
class Stream:
    """Work of the GPU in order; `own` is what the library made."""

    own: Any


@dataclass(frozen=True)
class Event:
    """A moment on a stream; `own` is what the library made."""

    own: Any


class Cuda(ABC):
    """One GPU. Everything asked of it belongs to it: `close` waits for the GPU and gives all of it back."""

    name: str
    """How the GPU is reached, for `RunInfo.versions`."""

    @abstractmethod
    def gpu(self) -> Gpu:
        """The device that this process uses."""

    @abstractmethod
    def stream(self) -> Stream:
        """A new stream, not the default one."""

    @abstractmethod
    def stream_handle(self, stream: Stream) -> int:
        """The stream as TensorRT takes it."""

    @abstractmethod
    def host(self, shape: tuple[int, ...]) -> HostBuffer:
        """Pinned float32 memory."""

    @abstractmethod
    def device(self, nbytes: int) -> DeviceBuffer:
        """Memory of the GPU."""

    @abstractmethod
    def upload(self, target: DeviceBuffer, source: HostBuffer, stream: Stream) -> None:
        """Enqueue a copy to the GPU."""

    @abstractmethod
    def download(self, target: HostBuffer, source: DeviceBuffer, stream: Stream) -> None:
        """Enqueue a copy from the GPU."""

    @abstractmethod
    def event(self) -> Event:
        """A new event that can be timed."""

    @abstractmethod
    def record(self, event: Event, stream: Stream) -> None:
        """Enqueue: the event has happened when the stream comes here."""

    @abstractmethod
    def wait(self, stream: Stream, event: Event) -> None:
        """Enqueue: the stream goes on when the event has happened; at once if it was never recorded."""

    @abstractmethod
    def elapsed_ms(self, first: Event, second: Event) -> float:
        """Milliseconds between two events that have happened."""

    @abstractmethod
    def synchronize(self, stream: Stream) -> None:
        """Wait on the host until the stream is empty; what failed on the GPU raises BackendError here."""

    @abstractmethod
    def capture(self, stream: Stream, enqueue: Callable[[], None]) -> Callable[[], None]:
        """Record what `enqueue` puts on the stream as a CUDA graph, without running it; calling the result does."""

    @abstractmethod
    def close(self) -> None:
        """Give everything back. May be called twice."""


def require_contiguous(array: Array) -> Array:
    """Refuse what a copy of plain bytes would tear apart."""
    if not array.flags.c_contiguous or array.dtype != np.float32:
        raise BackendError(f"expected contiguous float32 in pinned memory, found {array.dtype}: please report this")
    return array
