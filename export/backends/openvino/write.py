"""OpenVINO's files: `.xml` and `.bin`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export.backends.openvino.convert import STORED, convert_openvino
from export.graph.build import onnx_bytes
from export.quantization.calibrated_graph import Quantization
from export.quantization.layers import ENDS
from export.targets.outputs import Written, as_texts, make_place
from export.targets.table import Target


def write(
    folder: Path,
    name: str,
    graph: Any,
    target: Target,
    keys: Mapping[str, Any] | None,
    quantization: Quantization | None,
) -> Written:
    """`openvino/<name>.xml` and `.bin` below `folder`, with the manifest's `keys` as rt_info."""
    paths = tuple(make_place(folder, f"openvino/{name}{suffix}") for suffix in (".xml", ".bin"))
    with tempfile.TemporaryDirectory() as temporary:
        source, xml = Path(temporary) / "graph.onnx", Path(temporary) / f"{name}.xml"
        source.write_bytes(onnx_bytes(graph, None))
        convert_openvino(
            source,
            xml,
            weights=STORED.get(target.precision, "fp32"),
            metadata=as_texts(keys or {}),
            calibrated=None if quantization is None else quantization.calibrated.model,
            layers=() if quantization is None else quantization.layers,
            fp32_layers=ENDS if target.row.fp32_ends else (),
        )
        for path in paths:  # copied by us, so that a full disk is told from a failed conversion
            shutil.copyfile(Path(temporary) / Path(path).name, folder / path)
    return Written(paths[0], paths)
