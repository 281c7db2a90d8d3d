"""A Core ML package, made from an ONNX graph by a process of its own."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from dlgsanet.errors import BackendError
from export.backends.backend import Order
from export.backends.coreml.convert import PackageOptions, convert_coreml, label
from export.quantization.calibrated_graph import as_onnx
from export.targets.outputs import Written, make_place, stamp_texts


def write(order: Order) -> Written:
    """`coreml/<file>.mlpackage`, which says in words and keys what the stamp has: it cannot do without."""
    folder, name, stamp, target = order.folder, order.name, order.stamp, order.target
    if stamp is None:
        raise BackendError(f"{name}: a Core ML package is written for a bundle only: please report this")
    graph = order.graph if order.quantization is None else as_onnx(order.quantization)
    options = PackageOptions(
        target.precision, target.tile, stamp.scale, target.image, target.deployment, stamp.source.name
    )
    path = make_place(folder, f"coreml/{order.file}.mlpackage")
    with tempfile.TemporaryDirectory() as temporary:
        source, package = Path(temporary) / "graph.onnx", Path(temporary) / f"{order.file}.mlpackage"
        source.write_bytes(graph.data)
        convert_coreml(source, package, options, label(options, stamp_texts(stamp), stamp.source.metadata))
        shutil.copytree(package, folder / path)
    files = sorted(item for item in (folder / path).rglob("*") if item.is_file())
    return Written(path, tuple(item.relative_to(folder).as_posix() for item in files))
