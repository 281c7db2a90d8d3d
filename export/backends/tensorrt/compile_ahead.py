"""TensorRT-RTX engines, compiled for a GPU that need not be here; what the compiler made of the graph is counted.

The compiler runs in a process of its own and gives the same bytes every time but in int8 (docs/studies/tensorrt.md).
Engines fit one compute capability, one version of TensorRT-RTX and one platform; the manifest's `graph.engine` says
which (`runtimes.backends.tensorrt.engine_record`).
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

from dlgsanet.errors import BackendError, EdgeError, UnavailableError
from export.backends.tensorrt.typed_graphs import TypedGraphs
from export.targets.outputs import make_place
from runtimes.backends.tensorrt.compiling.compile import Compiled, CompileJob, RefusedError, compile_engine
from runtimes.backends.tensorrt.engine_record import FP16_SCALES, FP32_SCALES, SCHEMA, EngineRecord, host_platform
from runtimes.bundle.artifact_facts import CompileEffort, Cost

LIBRARY = "tensorrt_rtx"
TIMEOUT_S = 600.0  # some 5 s for tiny x4 at 128x128
FORMS = {"": FP32_SCALES, ".fp16-scales": FP16_SCALES}


def compile_ahead(folder: Path, name: str, typed: TypedGraphs, sm: str) -> tuple[str, Cost]:
    """Write `tensorrt/<name>.engine` below `folder`; return its path and what the manifest says of it: `engine` (an
    EngineRecord) and `build` (seconds and memory of the compiler).

    The forms of an int8 graph are tried in order. When none compiles, raises with every reason: BackendError where
    the compiler crashed, else UnavailableError.
    """
    path = make_place(folder, f"tensorrt/{name}.engine")
    reasons: list[EdgeError] = []
    for suffix, graph in typed.files.items():
        try:
            compiled = _compile(graph.data, folder / path, sm)
        except (BackendError, RefusedError) as error:
            reasons.append(error)
            continue
        record = EngineRecord(
            schema=SCHEMA,
            artifact=name,
            engine_sha256=hashlib.sha256((folder / path).read_bytes()).hexdigest(),
            library=LIBRARY,
            version=compiled.version,
            sm=sm,
            platform=host_platform(),
            onnx=f"tensorrt/{name}{suffix}.onnx",
            onnx_sha256=hashlib.sha256(graph.data).hexdigest(),
            scales=FORMS[suffix] if len(typed.files) > 1 else None,
            options=compiled.options,
            kernels=compiled.table.as_json() if compiled.table else {},
        )
        effort = CompileEffort(compiled.seconds, round(compiled.peak_mb))
        return path, replace(typed.cost, engine=record.as_json(), build=effort)
    kind = BackendError if any(isinstance(error, BackendError) for error in reasons) else UnavailableError
    raise kind(f"TensorRT-RTX could not compile {name}: {'; '.join(map(str, reasons))}: leave this target out")


def _compile(data: bytes, target: Path, sm: str) -> Compiled:
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "graph.onnx"
        source.write_bytes(data)
        return compile_engine(CompileJob(LIBRARY, str(source), str(target), sm=sm), TIMEOUT_S, lambda step: None)
