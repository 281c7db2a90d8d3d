"""The table of backends that this package can run: which file has the runner and which extra brings the
engine."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from dlgsanet.errors import UnavailableError
from runtimes.bundle.manifest import Artifact
from runtimes.runner.contract import Runner, RunOptions


@dataclass(frozen=True)
class Backend:
    """`module` is the Python package of the engine, `extra` the extra of ours that installs it, `source` what does
    where none can."""

    name: str
    module: str
    extra: str
    source: str = ""

    @property
    def advice(self) -> str:
        """How to get the engine."""
        return self.source or f'install it: pip install "dlgsanet-edge[{self.extra}]"'


BACKENDS = {
    backend.name: backend
    for backend in (
        Backend("onnxruntime", "onnxruntime", "onnxruntime"),
        Backend("openvino", "openvino", "openvino"),
        Backend("coreml", "coremltools", "coreml"),
        Backend("tensorrt", "tensorrt", "", "it comes with JetPack, or from NVIDIA's own package index"),
        Backend("tensorrt-rtx", "tensorrt_rtx", "tensorrt-rtx"),
    )
}


def backend_runner(bundle: Path, artifact: Artifact, scale: int, options: RunOptions) -> Runner:
    """Return the runner of one artifact; imports no engine. Raises UnavailableError for a backend without
    one."""
    if artifact.backend == "onnxruntime":
        from runtimes.backends.onnxruntime.runner import OnnxRuntimeRunner

        return OnnxRuntimeRunner(bundle, artifact, scale, options)
    if artifact.backend == "openvino":
        from runtimes.backends.openvino.runner import OpenVinoRunner

        return OpenVinoRunner(bundle, artifact, scale, options)
    if artifact.backend == "coreml":
        from runtimes.backends.coreml.reference import REFERENCE, MilRunner

        if options.device == REFERENCE:
            return MilRunner(bundle, artifact, scale, taps=options.taps)
        from runtimes.backends.coreml.runner import CoreMLRunner

        return CoreMLRunner(bundle, artifact, scale, options)
    if artifact.backend in ("tensorrt", "tensorrt-rtx"):
        from runtimes.backends.tensorrt.reference import FILES, TensorRTReference

        if artifact.backend == "tensorrt" and options.device in FILES:
            return TensorRTReference(bundle, artifact, scale, options)
        from runtimes.backends.tensorrt.runner import TensorRTRunner

        return TensorRTRunner(bundle, artifact, scale, options)
    raise UnavailableError(
        f"artifact '{artifact.id}': this version has no runner for '{artifact.backend}'; it runs {', '.join(BACKENDS)}"
    )


def import_engine(name: str) -> ModuleType:
    """Import the engine of backend `name`. Raises UnavailableError with the extra that brings it."""
    backend = BACKENDS[name]
    try:
        return importlib.import_module(backend.module)
    except ImportError as error:
        raise UnavailableError(f"{name} is not usable here ({error}); {backend.advice}") from error
