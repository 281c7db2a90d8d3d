"""OpenVINO's files: `.xml` and `.bin`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from export.backends.backend import Order
from export.backends.openvino.convert import STORED, convert_openvino
from export.quantization.layers import ENDS
from export.targets.outputs import Written, make_place, stamp_texts


def write(order: Order) -> Written:
    """`openvino/<file>.xml` and `.bin`, with the stamp as rt_info."""
    folder, quantization = order.folder, order.quantization
    small = quantization is None or quantization.small_rest
    paths = tuple(make_place(folder, f"openvino/{order.file}{suffix}") for suffix in (".xml", ".bin"))
    with tempfile.TemporaryDirectory() as temporary:
        source, xml = Path(temporary) / "graph.onnx", Path(temporary) / f"{order.file}.xml"
        source.write_bytes(order.graph.data)
        convert_openvino(
            source,
            xml,
            weights=STORED.get(order.target.precision, "fp32") if small else "fp32",
            metadata=stamp_texts(order.stamp),
            facts=order.facts,
            calibrated=None if quantization is None else quantization.calibrated.model,
            layers=() if quantization is None else quantization.layers,
            fp32_layers=ENDS if order.target.row.fp32_ends else (),
        )
        for path in paths:  # copied by us, so that a full disk is told from a failed conversion
            shutil.copyfile(Path(temporary) / Path(path).name, folder / path)
    return Written(paths[0], paths)
