"""A real Triton server: the one in NVIDIA's wheel `nvidia-pytriton`, by `make test-server`.

That wheel brings Triton's Python backend and no other, so the repository's configuration is taken as it is but for its
backend's name, and a few lines of Python run the repository's ONNX file there by ONNX Runtime.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

MODEL = """
import os
import onnxruntime
import triton_python_backend_utils as triton

class TritonPythonModel:
    def initialize(self, args):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ["THREADS_OF_A_MODEL"])
        place = os.path.join(args["model_repository"], args["model_version"], "model.onnx")
        self.session = onnxruntime.InferenceSession(place, options, providers=["CPUExecutionProvider"])

    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        lr = triton.get_input_tensor_by_name(request, "lr").as_numpy()
        return triton.InferenceResponse([triton.Tensor("sr", self.session.run(["sr"], {"lr": lr})[0])])
"""


def home() -> Path | None:
    """The environment that `make test-server` made; None elsewhere."""
    place = os.environ.get("TRITON_ENVIRONMENT")
    return Path(place) if place else None


def with_python_backend(repository: Path) -> None:
    """Have Triton's Python backend run the ONNX files of a repository of ours."""
    for config in repository.glob("*/config.pbtxt"):
        text = config.read_text()
        assert 'backend: "onnxruntime"' in text
        config.write_text(text.replace('backend: "onnxruntime"', 'backend: "python"'))
        (config.parent / "1" / "model.py").write_text(MODEL)


@dataclass
class Triton:
    """A server over a repository; it can be killed and started again at the same ports."""

    repository: Path
    work: Path
    threads: int = 1
    ports: tuple[int, int, int] = field(default_factory=lambda: (_free(), _free(), _free()))
    _process: subprocess.Popen[bytes] | None = None

    @property
    def grpc(self) -> str:
        return f"grpc://localhost:{self.ports[1]}"

    @property
    def http(self) -> str:
        return f"http://localhost:{self.ports[0]}"

    def start(self) -> None:
        """Returns when all models are ready."""
        place = home()
        assert place is not None
        packages = next(place.glob("lib/python3.*/site-packages"))
        environment = {
            **os.environ,
            "LD_LIBRARY_PATH": str(packages / "nvidia_pytriton.libs"),
            "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
            "THREADS_OF_A_MODEL": str(self.threads),
        }
        environment.pop("PYTHONPATH", None)
        http, grpc, metrics = map(str, self.ports)
        command = [packages / "pytriton" / "tritonserver" / "bin" / "tritonserver"]
        command += ["--model-repository", self.repository, "--backend-directory", _backends(packages, self.work)]
        command += ["--http-port", http, "--grpc-port", grpc, "--metrics-port", metrics]
        with (self.work / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                list(map(str, command)), env=environment, stdout=log, stderr=log, start_new_session=True
            )
        self._wait()

    def kill(self) -> None:
        """SIGKILL, to it and its backends."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _wait(self) -> None:
        import tritonclient.grpc

        assert self._process is not None
        end = monotonic() + 60
        while monotonic() < end and self._process.poll() is None:
            client = tritonclient.grpc.InferenceServerClient(f"localhost:{self.ports[1]}")
            with suppress(Exception):
                if client.is_server_ready(client_timeout=1.0):
                    return
            client.close()
            sleep(0.2)
        raise AssertionError((self.work / "server.log").read_text()[-3000:])


@contextmanager
def serving(repository: Path, work: Path, threads: int = 1) -> Iterator[Triton]:
    """A server that has all models ready; killed at the end."""
    server = Triton(repository, work, threads)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def _backends(packages: Path, work: Path) -> Path:
    """Triton's Python backend beside the stub for this Python: the wheel keeps them apart."""
    place = work / "backends"
    if not place.exists():
        parts = packages / "pytriton" / "tritonserver"
        shutil.copytree(parts / "backends", place)
        version = packages.parent.name.removeprefix("python")
        shutil.copytree(parts / "python_backend_stubs" / version, place / "python", dirs_exist_ok=True)
    return place


def _free() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
