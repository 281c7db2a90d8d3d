"""CUDA by ctypes and by cuda-python, on a libcudart that was compiled here: every call, and all of it given back."""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
from enum import IntEnum
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from dlgsanet.errors import BackendError, UnavailableError
from runtimes.backends.tensorrt.cuda import by_runtime_library as cuda_runtime
from runtimes.backends.tensorrt.cuda.by_runtime_library import CtypesCuda, PythonCuda
from runtimes.backends.tensorrt.cuda.open_cuda import open_cuda


class Kind(IntEnum):
    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2


class Attribute(IntEnum):
    cudaDevAttrComputeCapabilityMajor = 75
    cudaDevAttrComputeCapabilityMinor = 76


class Mode(IntEnum):
    cudaStreamCaptureModeThreadLocal = 1


def python_bindings(library: ctypes.CDLL) -> ModuleType:
    """`cuda.bindings.runtime` over the same library: values come back in a tuple behind the error code."""

    def one(name: str, kind=ctypes.c_void_p, last: bool = False):
        def call(*arguments):
            out = kind()
            plain = [ctypes.c_void_p(it) if isinstance(it, int) and it > 2**31 else it for it in arguments]
            places = (*plain, ctypes.byref(out)) if last else (ctypes.byref(out), *plain)
            return getattr(library, name)(*places), out.value

        return call

    def none(name: str):
        def call(*arguments):
            plain = [ctypes.c_void_p(it) if isinstance(it, int) and it > 2**31 else it for it in arguments]
            return (getattr(library, name)(*plain),)

        return call

    module = ModuleType("cuda.bindings.runtime")
    for name in ("cudaMalloc", "cudaHostAlloc", "cudaStreamCreateWithFlags", "cudaEventCreate"):
        setattr(module, name, one(name))
    module.cudaGraphInstantiateWithFlags = one("cudaGraphInstantiateWithFlags")
    module.cudaStreamEndCapture = one("cudaStreamEndCapture", last=True)
    module.cudaGetDeviceCount = one("cudaGetDeviceCount", ctypes.c_int)
    module.cudaDeviceGetAttribute = one("cudaDeviceGetAttribute", ctypes.c_int)
    module.cudaEventElapsedTime = one("cudaEventElapsedTime", ctypes.c_float)
    module.cudaMemGetInfo = lambda: (0, 6 << 30, 8 << 30)
    module.cudaGetDeviceProperties = lambda device: (0, SimpleNamespace(name=b"Fake Orin"))
    for name in (
        "cudaFree", "cudaFreeHost", "cudaStreamDestroy", "cudaStreamSynchronize", "cudaStreamWaitEvent",
        "cudaEventDestroy", "cudaDeviceSynchronize", "cudaEventRecord", "cudaMemcpyAsync", "cudaStreamBeginCapture",
        "cudaGraphLaunch", "cudaGraphDestroy", "cudaGraphExecDestroy",
    ):  # fmt: skip
        setattr(module, name, none(name))
    module.cudaMemcpyKind, module.cudaDeviceAttr, module.cudaStreamCaptureMode = Kind, Attribute, Mode
    return module


@pytest.fixture
def library(cudart, monkeypatch):
    monkeypatch.setattr(cuda_runtime, "FOLDERS", (f"{cudart}/",))
    return ctypes.CDLL(str(cudart / "libcudart.so"))


@pytest.fixture(params=["ctypes", "cuda-python"])
def gpu(request, library, monkeypatch):
    if request.param == "ctypes":
        return CtypesCuda()
    names = ("cuda", "cuda.bindings", "cuda.bindings.runtime")
    for name, module in zip(names, (ModuleType("cuda"), ModuleType("b"), python_bindings(library)), strict=True):
        monkeypatch.setitem(sys.modules, name, module)
    return PythonCuda()


def test_the_device_is_described(gpu):
    found = gpu.gpu()
    assert (found.name, found.sm, found.total_bytes, found.free_bytes) == ("Fake Orin", "sm87", 8 << 30, 6 << 30)


def test_bytes_go_there_and_back_and_everything_is_given_back(gpu, library):
    before = library.fake_given()
    host, back = gpu.host((2, 3)), gpu.host((2, 3))
    host.array[...] = np.arange(6, dtype=np.float32).reshape(2, 3)
    there = gpu.device(host.array.nbytes)
    stream, first, second = gpu.stream(), gpu.event(), gpu.event()
    assert gpu.stream_handle(stream) != 0 and there.address != 0
    gpu.record(first, stream)
    gpu.upload(there, host, stream)
    gpu.wait(stream, first)
    gpu.download(back, there, stream)
    gpu.record(second, stream)
    gpu.synchronize(stream)
    np.testing.assert_array_equal(back.array, host.array)
    assert gpu.elapsed_ms(first, second) == 1.5
    asked = []
    launch = gpu.capture(stream, lambda: asked.append(1))
    launch()
    assert asked == [1]
    assert library.fake_given() > before
    gpu.close()
    gpu.close()
    assert library.fake_given() == before


def test_what_the_library_refuses_is_an_error(gpu, monkeypatch):
    stream = gpu.stream()
    monkeypatch.setenv("FAKE_CUDART", "oom lost")
    with pytest.raises(BackendError, match="cudaMalloc failed"):
        gpu.device(16)
    with pytest.raises(BackendError, match="cudaStreamSynchronize failed"):
        gpu.synchronize(stream)
    gpu.close()


def test_a_failed_capture_is_ended(gpu):
    def fail() -> None:
        raise BackendError("it failed")

    with pytest.raises(BackendError, match="it failed"):
        gpu.capture(gpu.stream(), fail)
    gpu.close()


@pytest.mark.parametrize(("how", "message"), [("none", "sees no device"), ("broken", "no CUDA-capable device")])
def test_no_gpu_says_why(library, monkeypatch, how, message):
    monkeypatch.setenv("FAKE_CUDART", how)
    with pytest.raises(UnavailableError, match=f"no NVIDIA GPU can be used here.*{message}"):
        open_cuda()


def test_no_library_says_what_was_tried(monkeypatch, tmp_path):
    monkeypatch.setattr(cuda_runtime, "FOLDERS", (f"{tmp_path}/",))
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    with pytest.raises(UnavailableError, match=r"no NVIDIA GPU.*cuda-python.*libcudart is not installed"):
        open_cuda(torch=False)


def test_ctypes_is_what_is_left(library):
    with_device = open_cuda()
    assert with_device.name == "libcudart.so"
    with_device.close()
