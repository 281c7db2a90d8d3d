"""A GPU that is not there: streams that run late, a libcudart on host memory, and TensorRT bundles for them."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from runtimes.backends.tensorrt.cuda.interface import Cuda, DeviceBuffer, Gpu, HostBuffer

HERE = Path(__file__).parent
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
        from dlgsanet.errors import BackendError

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


@pytest.fixture(params=[False, True], ids=["lazy", "eager"])
def cuda(request: pytest.FixtureRequest) -> FakeCuda:
    return FakeCuda(request.param)


@pytest.fixture(scope="session")
def cudart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a libcudart that was compiled here."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler to make a stand-in for libcudart")
    folder = tmp_path_factory.mktemp("cudart")
    target = folder / "libcudart.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(target), str(HERE / "fake_cudart.c")]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture
def fake_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`fake_package(**behaviour)`: from then on `import tensorrt` is the stand-in, here and in child processes."""
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "tensorrt.py").write_text((HERE / "fake_tensorrt.py").read_text())

    def install(**behaviour: object) -> None:
        monkeypatch.setenv("FAKE_TENSORRT", json.dumps(behaviour))
        monkeypatch.setenv("PYTHONPATH", str(folder))
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
        importlib.invalidate_caches()

    yield install
    sys.modules.pop("tensorrt", None)


@pytest.fixture
def device(fake_package, cudart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`device(**behaviour)`: a machine with a fake GPU and a fake TensorRT, for processes as well."""
    from runtimes.backends.tensorrt import build as tensorrt_builder
    from runtimes.backends.tensorrt.cuda import by_runtime_library as cuda_runtime

    monkeypatch.setattr(tensorrt_builder, "require_clean", lambda data, name: None)  # the stand-in reads any bytes
    monkeypatch.setattr(cuda_runtime, "FOLDERS", (f"{cudart}/",))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return fake_package


@pytest.fixture
def graphs(tmp_path: Path, kit) -> Path:
    """A bundle with TensorRT graphs in fp16 and int8; the fake builder reads none of them."""
    bundle = tmp_path / "graphs"
    (bundle / "tensorrt").mkdir(parents=True)
    (bundle / "reference").mkdir()
    (bundle / "reference" / "model.safetensors").write_bytes(b"weights")
    artifacts = []
    for precision, names in (("fp16", ("",)), ("int8", ("", ".fp16-scales"))):
        stem = f"tensorrt/tensorrt-{precision}-16x16"
        files = {}
        for suffix in names:
            data = f"graph in {precision}{suffix}".encode()
            (bundle / f"{stem}{suffix}.onnx").write_bytes(data)
            files[f"{stem}{suffix}.onnx"] = hashlib.sha256(data).hexdigest()
        made = kit.artifact("tensorrt", "fp16", kit.tile, f"{stem}.onnx", files)
        fields = {**vars(made), "precision": precision, "id": f"tensorrt-{precision}-16x16"}
        artifacts.append(type(made)(**fields))
    kit.write(bundle, kit.manifest(artifacts))
    return bundle


importlib.invalidate_caches()
