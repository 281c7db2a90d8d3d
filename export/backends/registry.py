"""An ONNX graph as the files of a backend, and what it costs; shared by the bundle writer and the tuner."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import BackendError
from export.backends.onnxruntime.weights import store_int8
from export.quantization.calibrated_graph import Quantization, as_onnx
from export.quantization.layers import ENDS
from export.targets.table import Target
from runtimes.bundle.manifest import Port
from runtimes.runner.ports import ARRAY, PICTURE

RANGE = (0.0, 1.0)  # of the pixels in, and of the pixels out but for overshoot: nothing is clamped


@dataclass(frozen=True)
class Written:
    """What was written: the path to load, and every file, all relative to the bundle."""

    path: str
    files: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the manifest's `graph` says of them besides."""


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
    from export.graph.build import onnx_bytes

    if target.backend == "onnxruntime":
        path = _place(folder, f"onnx/{name}.onnx")
        made = graph if quantization is None else as_onnx(quantization)
        small = target.precision in ("int8", "int8w")
        (folder / path).write_bytes(onnx_bytes(store_int8(made) if small else made, keys))
        return Written(path, (path,))
    if target.backend == "openvino":
        from export.backends.openvino.convert import STORED, convert_openvino

        paths = tuple(_place(folder, f"openvino/{name}{suffix}") for suffix in (".xml", ".bin"))
        with tempfile.TemporaryDirectory() as temporary:
            source, xml = Path(temporary) / "graph.onnx", Path(temporary) / f"{name}.xml"
            source.write_bytes(onnx_bytes(graph, None))
            convert_openvino(
                source,
                xml,
                weights=STORED.get(target.precision, "fp32"),
                metadata=_texts(keys or {}),
                calibrated=None if quantization is None else quantization.calibrated.model,
                layers=() if quantization is None else quantization.layers,
                fp32_layers=ENDS if target.row.fp32_ends else (),
            )
            for path in paths:  # copied by us, so that a full disk is told from a failed conversion
                shutil.copyfile(Path(temporary) / Path(path).name, folder / path)
        return Written(paths[0], paths)
    if target.backend == "coreml" and keys is not None:
        made = graph if quantization is None else as_onnx(quantization)
        return _write_coreml(folder, name, onnx_bytes(made, None), target, keys)
    if target.backend in ("tensorrt", "tensorrt-rtx"):
        known = {} if typed is None else typed
        return _write_tensorrt(folder, name, graph, target, keys, quantization, known)
    raise BackendError(f"export/backends/registry.py has no writer for {target.backend}: please report this")


def _write_coreml(folder: Path, name: str, onnx: bytes, target: Target, keys: Mapping[str, Any]) -> Written:
    from export.backends.coreml.convert import PackageOptions, convert_coreml, label

    path = _place(folder, f"coreml/{name}.mlpackage")
    source = keys["source"]
    options = PackageOptions(
        target.precision, target.tile, keys["scale"], target.image, target.deployment, source["name"]
    )
    with tempfile.TemporaryDirectory() as temporary:
        graph, package = Path(temporary) / "graph.onnx", Path(temporary) / f"{name}.mlpackage"
        graph.write_bytes(onnx)
        convert_coreml(graph, package, options, label(options, _texts(keys), source["metadata"]))
        shutil.copytree(package, folder / path)
    found = sorted((folder / path).rglob("*"))
    return Written(path, tuple(str(item.relative_to(folder).as_posix()) for item in found if item.is_file()))


def _write_tensorrt(
    folder: Path,
    name: str,
    graph: Any,
    target: Target,
    keys: Mapping[str, Any] | None,
    quantization: Quantization | None,
    known: dict[str, Any],
) -> Written:
    from export.backends.tensorrt.typed_graphs import typed_graphs, write_files

    if target.precision not in known:
        quantize = None if quantization is None else (lambda made: as_onnx(quantization))
        made = typed_graphs(graph, target.precision, picture=photograph(target.tile), quantize=quantize)
        known[target.precision] = made
    typed = known[target.precision]
    if target.backend == "tensorrt-rtx":
        from export.backends.tensorrt.compile_ahead import compile_ahead

        path, facts = compile_ahead(folder, name, typed, str(target.sm))
        return Written(path, (path,), {**typed.facts, **facts})
    paths = write_files(folder, name, typed, keys)
    return Written(paths[0], paths, typed.facts)


def photograph(tile: tuple[int, int]) -> NDArray[np.float32]:
    """A real picture of a tile's size, (1, 3, H, W) in [0, 1]: the first of the parity pack."""
    from export.bundle.parity_pack import PHOTOGRAPHS
    from export.rewriting.certificate import cut_to_tile

    cut: NDArray[np.float32] = cut_to_tile(PHOTOGRAPHS[0].read(), tile).numpy().astype(np.float32)
    return cut


def ports(target: Target, scale: int) -> tuple[Port, Port]:
    """An artifact's input and output: one tile, as an array or as 8-bit pictures."""
    height, width = target.tile
    make = _picture if target.image else _array
    return make("lr", height, width), make("sr", height * scale, width * scale)


def _array(name: str, height: int, width: int) -> Port:
    return Port(name, ARRAY, "float32", RANGE, (1, 3, height, width))


def _picture(name: str, height: int, width: int) -> Port:
    return Port(name, PICTURE, "uint8", (0.0, 255.0), (1, 3, height, width))


def graph_macs(graph: Any) -> int:
    """Multiply-adds of the convolutions and matrix products of an ONNX model, as lowered."""
    import onnx

    inferred = onnx.shape_inference.infer_shapes(graph, strict_mode=True).graph
    values = (*inferred.value_info, *inferred.input, *inferred.output)
    shapes = {value.name: [side.dim_value for side in value.type.tensor_type.shape.dim] for value in values}
    shapes |= {tensor.name: list(tensor.dims) for tensor in inferred.initializer}
    total = 0
    for node in inferred.node:
        out = shapes.get(node.output[0], [])
        if node.op_type == "Conv":
            total += math.prod(out) * math.prod(shapes[node.input[1]][1:])
        elif node.op_type == "MatMul":
            total += math.prod(out) * shapes[node.input[0]][-1]
    return total


def _place(folder: Path, path: str) -> str:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    return path


def _texts(keys: Mapping[str, Any]) -> dict[str, str]:
    """rt_info holds text only: strings as they are, everything else as JSON."""
    return {key: value if isinstance(value, str) else json.dumps(value, sort_keys=True) for key, value in keys.items()}
