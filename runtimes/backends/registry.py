"""The table of backends that this package can run: which file has the runner."""

from __future__ import annotations

from pathlib import Path

from dlgsanet.errors import UnavailableError
from runtimes.backends.engines import BACKENDS
from runtimes.bundle.manifest import Artifact
from runtimes.runner.contract import Runner, RunOptions


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
