"""A Core ML package, made from an ONNX graph by a process of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export.backends.coreml.convert import PackageOptions, convert_coreml, label
from export.graph.build import onnx_bytes
from export.quantization.calibrated_graph import Quantization, as_onnx
from export.targets.outputs import Written, as_texts, make_place
from export.targets.table import Target


def write(
    folder: Path,
    name: str,
    graph: Any,
    target: Target,
    keys: Mapping[str, Any],
    quantization: Quantization | None,
) -> Written:
    """`coreml/<name>.mlpackage` below `folder`, described by the manifest's `keys`."""
    path = make_place(folder, f"coreml/{name}.mlpackage")
    source = keys["source"]
    options = PackageOptions(
        target.precision, target.tile, keys["scale"], target.image, target.deployment, source["name"]
    )
    with tempfile.TemporaryDirectory() as temporary:
        source_file, package = Path(temporary) / "graph.onnx", Path(temporary) / f"{name}.mlpackage"
        source_file.write_bytes(onnx_bytes(graph if quantization is None else as_onnx(quantization), None))
        convert_coreml(source_file, package, options, label(options, as_texts(keys), source["metadata"]))
        shutil.copytree(package, folder / path)
    found = sorted((folder / path).rglob("*"))
    return Written(path, tuple(str(item.relative_to(folder).as_posix()) for item in found if item.is_file()))
