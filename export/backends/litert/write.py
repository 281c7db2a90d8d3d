"""LiteRT's file: `.tflite`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from export.backends.backend import Order
from export.backends.litert.quantize import LiteRtMaker
from export.backends.litert.translate import FileForm, program_bytes
from export.backends.litert.weights import FP16, FP32, INT8
from export.graph.graph import METADATA_KEY, Graph, metadata_json
from export.targets.outputs import Written, make_place, stamp_json

STORED = {"fp16": FP16, "int8w": INT8, "int8": INT8}


def write(order: Order) -> Written:
    """`litert/<file>.tflite`, with the stamp as metadata."""
    quantization, graph = order.quantization, order.graph
    small = quantization is None or quantization.small_rest
    if quantization is not None:
        graph = _quantized(order)
    stamp = stamp_json(order.stamp)
    texts = {} if stamp is None else {METADATA_KEY: metadata_json(stamp), **order.facts}
    form = FileForm(STORED.get(order.target.precision, FP32) if small else FP32, order.target.image, texts)
    path = make_place(order.folder, f"litert/{order.file}.tflite")
    (order.folder / path).write_bytes(program_bytes(graph, form))
    return Written(path, (path,))


def _quantized(order: Order) -> Graph:
    assert order.quantization is not None
    calibrated = order.quantization.calibrated
    maker = LiteRtMaker(calibrated.source, calibrated.model)
    with tempfile.TemporaryDirectory() as temporary:
        return maker.graph(Path(temporary) / "int8", order.quantization.layers)
