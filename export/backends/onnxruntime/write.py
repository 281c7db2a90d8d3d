"""An ONNX file for ONNX Runtime."""

from __future__ import annotations

from export.backends.backend import Order
from export.backends.onnxruntime.weights import store_int8
from export.graph.graph import Graph
from export.quantization.calibrated_graph import as_onnx
from export.targets.outputs import Written, make_place, stamp_json

SMALL = ("int8", "int8w")  # precisions whose weights are stored small


def write(order: Order) -> Written:
    """`onnx/<file>.onnx`, with the stamp as metadata."""
    quantization = order.quantization
    graph = order.graph if quantization is None else as_onnx(quantization)
    if order.target.precision in SMALL and (quantization is None or quantization.small_rest):
        graph = Graph(store_int8(graph.model))
    path = make_place(order.folder, f"onnx/{order.file}.onnx")
    (order.folder / path).write_bytes(graph.stamped(stamp_json(order.stamp), order.facts))
    return Written(path, (path,))
