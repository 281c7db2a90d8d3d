"""An ONNX graph as the files of a backend; shared by the bundle writer and the tuner."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlgsanet.errors import BackendError
from export.quantization.calibrated_graph import Quantization, Quantizer
from export.targets.outputs import Written
from export.targets.table import Target


def write_graph(
    folder: Path,
    name: str,
    graph: Any,
    target: Target,
    keys: Mapping[str, Any] | None,
    quantization: Quantization | None = None,
    typed: dict[str, Any] | None = None,
) -> Written:
    """Write the backend's files below `folder`. `typed` keeps this graph's typed forms by precision, for the next call
    with the same graph and tiles: TensorRT-RTX compiles them once for every GPU.

    `keys` (those of the manifest) go inside as metadata, and a Core ML package cannot do without; `quantization` says
    what becomes INT8, None for floats. Raises BackendError when a converter fails or the backend has
    no writer.
    """
    if target.backend == "onnxruntime":
        from export.backends.onnxruntime import write as onnxruntime

        return onnxruntime.write(folder, name, graph, target, keys, quantization)
    if target.backend == "openvino":
        from export.backends.openvino import write as openvino

        return openvino.write(folder, name, graph, target, keys, quantization)
    if target.backend == "coreml" and keys is not None:
        from export.backends.coreml import write as coreml

        return coreml.write(folder, name, graph, target, keys, quantization)
    if target.backend in ("tensorrt", "tensorrt-rtx"):
        from export.backends.tensorrt import write as tensorrt

        return tensorrt.write(folder, name, graph, target, keys, quantization, {} if typed is None else typed)
    raise BackendError(f"export/backends/registry.py has no writer for {target.backend}: please report this")


def quantizer_of(backend: str) -> Quantizer:
    """What makes INT8 of a backend's graphs."""
    from export.quantization.onnx_qdq import FUSED, SYMMETRIC

    if backend == "openvino":
        from export.backends.openvino.quantize import NNCF

        return NNCF
    return SYMMETRIC if backend in ("tensorrt", "tensorrt-rtx") else FUSED
