"""CUDA through torch tensors; torch is imported by name, this package does not need it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from dlgsanet.errors import BackendError, UnavailableError
from runtimes.backends.tensorrt.cuda.interface import Cuda, DeviceBuffer, Event, Gpu, HostBuffer, Stream
from runtimes.backends.torch import ENGINE


class TorchCuda(Cuda):
    """Raises UnavailableError where torch is missing or sees no GPU."""

    def __init__(self) -> None:
        self._torch = ENGINE.load()
        if not self._torch.cuda.is_available():
            raise UnavailableError("torch sees no CUDA device")
        self.name = f"torch {self._torch.__version__}"

    def gpu(self) -> Gpu:
        cuda = self._torch.cuda
        major, minor = cuda.get_device_capability()
        free, total = cuda.mem_get_info()
        return Gpu(cuda.get_device_name(), f"sm{major}{minor}", total, free)

    def stream(self) -> Stream:
        return Stream(self._torch.cuda.Stream())

    def stream_handle(self, stream: Stream) -> int:
        return int(stream.own.cuda_stream)

    def host(self, shape: tuple[int, ...]) -> HostBuffer:
        tensor = self._torch.empty(shape, dtype=self._torch.float32, pin_memory=True)
        return HostBuffer(tensor.numpy(), tensor)

    def device(self, nbytes: int) -> DeviceBuffer:
        try:
            tensor = self._torch.empty(nbytes // 4, dtype=self._torch.float32, device="cuda")
        except RuntimeError as error:  # out of memory is one
            raise BackendError(f"the GPU has no {nbytes >> 20} MiB left: {error}") from error
        return DeviceBuffer(int(tensor.data_ptr()), nbytes, tensor)

    def upload(self, target: DeviceBuffer, source: HostBuffer, stream: Stream) -> None:
        with self._torch.cuda.stream(stream.own):
            target.handle.copy_(source.handle.view(-1), non_blocking=True)

    def download(self, target: HostBuffer, source: DeviceBuffer, stream: Stream) -> None:
        with self._torch.cuda.stream(stream.own):
            target.handle.view(-1).copy_(source.handle, non_blocking=True)

    def event(self) -> Event:
        return Event(self._torch.cuda.Event(enable_timing=True))

    def record(self, event: Event, stream: Stream) -> None:
        event.own.record(stream.own)

    def wait(self, stream: Stream, event: Event) -> None:
        stream.own.wait_event(event.own)

    def elapsed_ms(self, first: Event, second: Event) -> float:
        return float(first.own.elapsed_time(second.own))

    def synchronize(self, stream: Stream) -> None:
        try:
            stream.own.synchronize()
        except RuntimeError as error:
            raise BackendError(f"the GPU failed: {error}") from error

    def capture(self, stream: Stream, enqueue: Callable[[], None]) -> Callable[[], None]:
        graph = self._torch.cuda.CUDAGraph()
        try:
            with self._torch.cuda.graph(graph, stream=stream.own, capture_error_mode="thread_local"):
                enqueue()
        except RuntimeError as error:
            raise BackendError(f"this engine cannot be captured as a CUDA graph: {error}") from error

        def launch() -> None:
            with self._torch.cuda.stream(stream.own):
                graph.replay()

        return launch

    def close(self) -> None:
        """Tensors are freed with their last reference; they must not be while the GPU still uses them."""
        with suppress(RuntimeError):
            self._torch.cuda.synchronize()
