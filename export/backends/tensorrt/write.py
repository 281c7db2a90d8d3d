"""TensorRT's typed ONNX files, and engines of TensorRT-RTX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export.backends.tensorrt.compile_ahead import compile_ahead
from export.backends.tensorrt.typed_graphs import TypedGraphs, typed_graphs
from export.graph.build import onnx_bytes
from export.pictures import photograph
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
    known: dict[str, Any],
) -> Written:
    """ONNX files, or for TensorRT-RTX an engine, below `folder`. `known` keeps typed forms by precision."""
    if target.precision not in known:
        quantize = None if quantization is None else (lambda made: as_onnx(quantization))
        made = typed_graphs(graph, target.precision, picture=photograph(target.tile), quantize=quantize)
        known[target.precision] = made
    typed = known[target.precision]
    if target.backend == "tensorrt-rtx":
        path, facts = compile_ahead(folder, name, typed, str(target.sm))
        return Written(path, (path,), {**typed.facts, **facts})
    paths = write_files(folder, name, typed, keys)
    return Written(paths[0], paths, typed.facts)


def write_files(folder: Path, name: str, made: TypedGraphs, keys: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Write the graphs below `folder`; return their paths relative to it, the one to try first in front."""
    paths = tuple(make_place(folder, f"tensorrt/{name}{suffix}.onnx") for suffix in made.files)
    for path, graph in zip(paths, made.files.values(), strict=True):
        (folder / path).write_bytes(onnx_bytes(graph, keys))
    return paths
