"""A GPU that is not there: memory of the host, and streams that run late."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from dlgsanet.errors import BackendError
from runtimes.backends.tensorrt.cuda.interface import Cuda, DeviceBuffer, Gpu, HostBuffer

GPU = Gpu("Fake Orin", "sm87", 8 << 30, 6 << 30)


class Stream:
    """Work in order, not done before somebody waits for it."""

    def __init__(self) -> None:
        self.work: deque[Callable[[], bool]] = deque()


class Event:
    """`asked` and `done` count records: a wait is for the last record before it."""

    def __init__(self) -> None:
        self.asked = self.done = 0


class FakeCuda(Cuda):
    """Device memory is host memory, filled with NaN; nothing happens before a stream is waited for.

    `eager` runs the work of all other streams first, else only what the stream itself needs: a missing wait or a buffer
    used too early shows in one of the two.
    """

    name = "fake"

    def __init__(self, eager: bool = False) -> None:
        self.eager = eager
        self.streams: list[Stream] = []
        self.kept: list[np.ndarray] = []
        self.log: list[str] = []
        self.closed = False
        self.failing = False

    def gpu(self) -> Gpu:
        return GPU

    def stream(self) -> Stream:
        self.streams.append(Stream())
        return self.streams[-1]

    def stream_handle(self, stream: Stream) -> int:
        return self.streams.index(stream) + 1

    def enqueue(self, handle: int, work: Callable[[], None]) -> None:
        """What an engine puts on a stream."""
        self._put(self.streams[handle - 1], f"compute on {handle}", work)

    def host(self, shape: tuple[int, ...]) -> HostBuffer:
        array = np.full(shape, np.nan, np.float32)
        return HostBuffer(array, array)

    def device(self, nbytes: int) -> DeviceBuffer:
        array = np.full(nbytes // 4, np.nan, np.float32)
        self.kept.append(array)
        return DeviceBuffer(array.ctypes.data, nbytes, array)

    def _put(self, stream: Stream, name: str, work: Callable[[], None]) -> None:
        def do() -> bool:
            self.log.append(name)
            work()
            return True

        stream.work.append(do)

    def upload(self, target: DeviceBuffer, source: HostBuffer, stream: Stream) -> None:
        name = f"upload on {self.stream_handle(stream)}"
        self._put(stream, name, lambda: target.handle.__setitem__(slice(None), source.array.ravel()))

    def download(self, target: HostBuffer, source: DeviceBuffer, stream: Stream) -> None:
        def copy() -> None:
            target.array[...] = source.handle.reshape(target.array.shape)

        self._put(stream, f"download on {self.stream_handle(stream)}", copy)

    def event(self) -> Event:
        return Event()

    def record(self, event: Event, stream: Stream) -> None:
        event.asked += 1
        number = event.asked

        def done() -> bool:
            event.done = number
            return True

        stream.work.append(done)

    def wait(self, stream: Stream, event: Event) -> None:
        number = event.asked
        stream.work.append(lambda: event.done >= number)

    def elapsed_ms(self, first: Event, second: Event) -> float:
        assert first.done and second.done and first.done == first.asked, "an event was read before it happened"
        return 1.0

    def synchronize(self, stream: Stream) -> None:
        if self.failing:
            raise BackendError("the GPU failed: an illegal memory access")
        others = [each for each in self.streams if each is not stream]
        for _ in range(1000):
            for each in (*others, stream) if self.eager else (stream, *others):
                while each.work and each.work[0]():
                    each.work.popleft()
                    if not self.eager and not stream.work:
                        return
            if not stream.work:
                return
        raise AssertionError("the streams wait for each other")

    def capture(self, stream: Stream, enqueue: Callable[[], None]) -> Callable[[], None]:
        before = len(stream.work)
        enqueue()
        caught = [stream.work.pop() for _ in range(len(stream.work) - before)][::-1]
        self.log.append("captured")
        return lambda: stream.work.extend(caught)

    def close(self) -> None:
        self.closed = True
