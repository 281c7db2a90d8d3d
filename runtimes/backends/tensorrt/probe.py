"""`doctor` on TensorRT: the tiny network is compiled for this GPU and run on it; without a GPU, compiled at least."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from types import ModuleType

from dlgsanet.errors import UnavailableError
from runtimes.backends.tensorrt import TENSORRT, TENSORRT_RTX
from runtimes.backends.tensorrt.compiling.compile import CompileJob, compile_engine, describe_library
from runtimes.backends.tensorrt.cuda.interface import Gpu
from runtimes.backends.tensorrt.cuda.open_cuda import open_cuda
from runtimes.backends.tensorrt.engine_record import SCHEMA, EngineRecord, engine_path, host_platform, write_engine
from runtimes.backends.tensorrt.runner import TensorRTRunner
from runtimes.bundle.manifest import Artifact, Port
from runtimes.machine.processor import Device
from runtimes.probe_network import MODEL, example, require_right
from runtimes.runner.contract import RunOptions
from runtimes.runner.tiling import Array

TIMEOUT_S = 100.0
AHEAD_OF_TIME = "sm86"  # any that TensorRT-RTX knows: it proves that the builder works
_ID = "tensorrt-fp32-8x8"


def probe(trt: ModuleType) -> tuple[Device, ...] | str:
    """Compile the network for this GPU and run it there; without a GPU, what can be compiled for others."""
    found = compute(trt.__name__)
    if isinstance(found, str):
        return found
    device, sr = found
    require_right(sr, device.name)
    return (device,)


def compute(library: str) -> tuple[Device, Array] | str:
    """The GPU and what the tiny network gave there, or one line that says what can be built but not run.

    Raises UnavailableError where the library works neither way.
    """
    try:
        cuda = open_cuda(torch=False)
    except UnavailableError as error:
        return _without_gpu(library, str(error))
    gpu = cuda.gpu()
    cuda.close()
    with tempfile.TemporaryDirectory() as folder:
        artifact = _compiled(Path(folder), library, gpu)
        with TensorRTRunner(Path(folder), artifact, 2, RunOptions("GPU")) as run:
            return Device("GPU", f"{gpu.name} ({gpu.sm})", ("fp32",)), run.infer(example())


def _without_gpu(library: str, reason: str) -> str:
    if library != TENSORRT_RTX.module:
        raise UnavailableError(f"{library} builds and runs on the device only: {reason}")
    with tempfile.TemporaryDirectory() as folder:
        job = CompileJob(library, str(MODEL), str(Path(folder) / "engine"), sm=AHEAD_OF_TIME)
        compile_engine(job, TIMEOUT_S, lambda step: None)
    return f"compiles engines ahead of time (--to tensorrt-rtx); runs none here: {reason}"


def _compiled(folder: Path, library: str, gpu: Gpu) -> Artifact:
    """The tiny network as a one-artifact bundle with its engine."""
    artifact = _tiny_artifact(folder)
    stack = describe_library(library)
    sm = gpu.sm if library == TENSORRT_RTX.module else None
    job = CompileJob(library, str(folder / artifact.path), str(folder / "made"), sm=sm)
    compiled = compile_engine(job, TIMEOUT_S, lambda step: None)
    engine = (folder / "made").read_bytes()
    record = EngineRecord(
        schema=SCHEMA,
        artifact=_ID,
        engine_sha256=hashlib.sha256(engine).hexdigest(),
        library=library,
        version=stack.version,
        sm=gpu.sm,
        platform=host_platform(),
        onnx=artifact.path,
        onnx_sha256=artifact.files[artifact.path],
        scales=None,
        options=compiled.options,
        kernels=compiled.table.as_json() if compiled.table else {},
    )
    write_engine(folder, engine_path(artifact, gpu.sm), engine, record)
    return artifact


def _tiny_artifact(folder: Path) -> Artifact:
    """The tiny network, copied into the folder."""
    data, path = MODEL.read_bytes(), "tiny.onnx"
    (folder / path).write_bytes(data)
    ports = [Port(n, "NCHW", "float32", (0.0, 1.0), (1, 3, side, side)) for n, side in (("lr", 8), ("sr", 16))]
    return Artifact(
        id=_ID,
        backend=TENSORRT.name,
        precision="fp32",
        variant=None,
        tile=(8, 8),
        path=path,
        files={path: hashlib.sha256(data).hexdigest()},
        input=ports[0],
        output=ports[1],
        lowering="none",
        rewrites=(),
        hints={},
        calibration_sha256=None,
        certificate=None,
    )
