"""CUDA through its runtime library: by cuda-python, or by ctypes on libcudart. Both call the same functions."""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import numpy as np

from dlgsanet.errors import BackendError, UnavailableError
from runtimes.backends.tensorrt.cuda.interface import (
    Cuda,
    DeviceBuffer,
    Event,
    Gpu,
    HostBuffer,
    Stream,
    require_contiguous,
)

LIBRARIES = ("libcudart.so", "libcudart.so.13", "libcudart.so.12", "libcudart.so.11.0")
FOLDERS = ("", "/usr/local/cuda/lib64/")
_NON_BLOCKING = 1  # cudaStreamNonBlocking: does not wait for the default stream
_TO_DEVICE, _TO_HOST = ("cudaMemcpyHostToDevice", 1), ("cudaMemcpyDeviceToHost", 2)
_MAJOR, _MINOR = ("cudaDevAttrComputeCapabilityMajor", 75), ("cudaDevAttrComputeCapabilityMinor", 76)
_THREAD_LOCAL = ("cudaStreamCaptureModeThreadLocal", 1)


Handle = TypeVar("Handle")


class RuntimeCuda(Cuda):
    """What both have in common; `_call` makes a call for its error code alone, `_get` for one value."""

    def __init__(self) -> None:
        self._given: list[tuple[str, object]] = []  # function that frees it, what to free

    @abstractmethod
    def _get(self, function: str, *arguments: object, kind: type = ctypes.c_void_p) -> Any: ...

    @abstractmethod
    def _call(self, function: str, *arguments: object) -> None: ...

    @abstractmethod
    def _enum(self, group: str, member: tuple[str, int]) -> object: ...

    @abstractmethod
    def _memory(self) -> tuple[int, int]: ...

    @abstractmethod
    def _device_name(self) -> str: ...

    def _require_gpu(self) -> None:
        try:
            count = int(self._get("cudaGetDeviceCount", kind=ctypes.c_int))
        except BackendError as error:
            raise UnavailableError(f"{self.name}: {error}") from error
        if count < 1:
            raise UnavailableError(f"{self.name} sees no device")

    def gpu(self) -> Gpu:
        ask = [
            int(self._get("cudaDeviceGetAttribute", self._enum("cudaDeviceAttr", which), 0, kind=ctypes.c_int))
            for which in (_MAJOR, _MINOR)
        ]
        free, total = self._memory()
        return Gpu(self._device_name(), f"sm{ask[0]}{ask[1]}", total, free)

    def stream(self) -> Stream:
        return Stream(self._own("cudaStreamDestroy", self._get("cudaStreamCreateWithFlags", _NON_BLOCKING)))

    def stream_handle(self, stream: Stream) -> int:
        return int(getattr(stream.own, "value", stream.own))

    def host(self, shape: tuple[int, ...]) -> HostBuffer:
        size = 4 * int(np.prod(shape))
        address = self._own("cudaFreeHost", self._get("cudaHostAlloc", ctypes.c_size_t(size), 0))
        memory = (ctypes.c_float * (size // 4)).from_address(self._address(address))
        return HostBuffer(require_contiguous(np.ctypeslib.as_array(memory).reshape(shape)), address)

    def device(self, nbytes: int) -> DeviceBuffer:
        address = self._own("cudaFree", self._get("cudaMalloc", ctypes.c_size_t(nbytes)))
        return DeviceBuffer(self._address(address), nbytes, address)

    def upload(self, target: DeviceBuffer, source: HostBuffer, stream: Stream) -> None:
        self._copy(target.handle, source.handle, target.nbytes, _TO_DEVICE, stream)

    def download(self, target: HostBuffer, source: DeviceBuffer, stream: Stream) -> None:
        self._copy(target.handle, source.handle, source.nbytes, _TO_HOST, stream)

    def _copy(self, target: object, source: object, nbytes: int, kind: tuple[str, int], stream: Stream) -> None:
        size = ctypes.c_size_t(nbytes)
        self._call("cudaMemcpyAsync", target, source, size, self._enum("cudaMemcpyKind", kind), stream.own)

    def event(self) -> Event:
        return Event(self._own("cudaEventDestroy", self._get("cudaEventCreate")))

    def record(self, event: Event, stream: Stream) -> None:
        self._call("cudaEventRecord", event.own, stream.own)

    def wait(self, stream: Stream, event: Event) -> None:
        self._call("cudaStreamWaitEvent", stream.own, event.own, 0)

    def elapsed_ms(self, first: Event, second: Event) -> float:
        return float(self._get("cudaEventElapsedTime", first.own, second.own, kind=ctypes.c_float))

    def synchronize(self, stream: Stream) -> None:
        self._call("cudaStreamSynchronize", stream.own)

    def capture(self, stream: Stream, enqueue: Callable[[], None]) -> Callable[[], None]:
        self._call("cudaStreamBeginCapture", stream.own, self._enum("cudaStreamCaptureMode", _THREAD_LOCAL))
        try:
            enqueue()
        finally:
            graph = self._own("cudaGraphDestroy", self._get("cudaStreamEndCapture", stream.own))
        ready = self._own("cudaGraphExecDestroy", self._instantiated(graph))
        return lambda: self._call("cudaGraphLaunch", ready, stream.own)

    def _instantiated(self, graph: object) -> object:
        return self._get("cudaGraphInstantiateWithFlags", graph, ctypes.c_ulonglong(0))

    def close(self) -> None:
        with suppress(BackendError):  # a GPU that has failed says so again: what is freed must be freed all the same
            self._call("cudaDeviceSynchronize")
        while self._given:
            function, what = self._given.pop()
            with suppress(BackendError):
                self._call(function, what)

    def _own(self, free: str, what: Handle) -> Handle:
        self._given.append((free, what))
        return what

    def _address(self, handle: Any) -> int:
        return int(getattr(handle, "value", handle) or 0)


class CtypesCuda(RuntimeCuda):
    """libcudart, found where the loader looks and in /usr/local/cuda. Raises UnavailableError without one or a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self._library, self.name = _load()
        self._require_gpu()

    def _get(self, function: str, *arguments: object, kind: type = ctypes.c_void_p) -> Any:
        out = kind()
        # cudaStreamEndCapture has its result last, all others first.
        places = (
            (*arguments, ctypes.byref(out)) if function == "cudaStreamEndCapture" else (ctypes.byref(out), *arguments)
        )
        self._call(function, *places)
        return out if kind is ctypes.c_void_p else out.value

    def _call(self, function: str, *arguments: object) -> None:
        code = getattr(self._library, function)(*arguments)
        if code:
            self._library.cudaGetErrorString.restype = ctypes.c_char_p
            words = self._library.cudaGetErrorString(code) or b"unknown"
            raise BackendError(f"{function} failed: {words.decode('utf-8', 'replace')} ({code})")

    def _enum(self, group: str, member: tuple[str, int]) -> object:
        return member[1]

    def _memory(self) -> tuple[int, int]:
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self._call("cudaMemGetInfo", ctypes.byref(free), ctypes.byref(total))
        return free.value, total.value

    def _device_name(self) -> str:
        # The struct grows with every version; its first field is always the name.
        properties = ctypes.create_string_buffer(16384)
        newest = "cudaGetDeviceProperties_v2"
        function = newest if hasattr(self._library, newest) else "cudaGetDeviceProperties"
        self._call(function, properties, 0)
        return properties.raw[:256].split(b"\0")[0].decode("utf-8", "replace")


class PythonCuda(RuntimeCuda):
    """cuda-python (`cuda.bindings.runtime`). Raises UnavailableError without it or a GPU."""

    def __init__(self) -> None:
        super().__init__()
        try:
            self._runtime = importlib.import_module("cuda.bindings.runtime")
        except Exception as error:  # a missing driver library raises RuntimeError
            raise UnavailableError(f"cuda-python: {error}") from error
        self.name = "cuda-python"
        self._require_gpu()

    def _get(self, function: str, *arguments: object, kind: type = ctypes.c_void_p) -> Any:
        found = self._checked(function, *arguments)
        return found[0]

    def _call(self, function: str, *arguments: object) -> None:
        self._checked(function, *arguments)

    def _checked(self, function: str, *arguments: object) -> tuple[Any, ...]:
        plain = [
            value.value if isinstance(value, (ctypes.c_size_t, ctypes.c_ulonglong)) else value for value in arguments
        ]
        code, *found = getattr(self._runtime, function)(*plain)
        if int(code):
            raise BackendError(f"{function} failed: {code}")
        return tuple(found)

    def _enum(self, group: str, member: tuple[str, int]) -> object:
        return getattr(getattr(self._runtime, group), member[0])

    def _memory(self) -> tuple[int, int]:
        free, total = self._checked("cudaMemGetInfo")
        return int(free), int(total)

    def _device_name(self) -> str:
        name = self._checked("cudaGetDeviceProperties", 0)[0].name
        return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def _load() -> tuple[ctypes.CDLL, str]:
    found = ctypes.util.find_library("cudart")
    for name in (*(folder + library for folder in FOLDERS for library in LIBRARIES), *([found] if found else [])):
        try:
            return ctypes.CDLL(name), name.rpartition("/")[2]
        except OSError:
            continue
    raise UnavailableError("libcudart is not installed")
