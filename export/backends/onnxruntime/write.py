"""An ONNX file for ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export.backends.onnxruntime.weights import store_int8
from export.graph.build import onnx_bytes
from export.quantization.calibrated_graph import Quantization, as_onnx
from export.targets.outputs import Written, make_place
from export.targets.table import Target


def write(
    folder: Path,
    name: str,
    graph: Any,
    target: Target,
    keys: Mapping[str, Any] | None,
    quantization: Quantization | None,
) -> Written:
    """`onnx/<name>.onnx` below `folder`, with the manifest's `keys` as metadata."""
    path = make_place(folder, f"onnx/{name}.onnx")
    made = graph if quantization is None else as_onnx(quantization)
    small = target.precision in ("int8", "int8w")
    (folder / path).write_bytes(onnx_bytes(store_int8(made) if small else made, keys))
    return Written(path, (path,))
