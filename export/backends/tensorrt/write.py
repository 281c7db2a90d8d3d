"""TensorRT's typed ONNX files, and engines of TensorRT-RTX."""

from __future__ import annotations

from functools import lru_cache

from export.backends.backend import Order
from export.backends.tensorrt.compile_ahead import compile_ahead
from export.backends.tensorrt.typed_graphs import TypedGraphs, typed_graphs
from export.graph.graph import Graph
from export.pictures import photograph
from export.quantization.calibrated_graph import Quantization, as_onnx
from export.targets.outputs import Written, make_place, stamp_json

PRECISIONS = 3  # of one tile, whose typed graphs are kept: engines for several GPUs are compiled from each


def write(order: Order) -> Written:
    """`tensorrt/<name>.onnx`, for int8 in two forms, with the stamp as metadata."""
    typed = _typed(order.graph, order.target.precision, order.target.tile, order.quantization)
    paths = tuple(make_place(order.folder, f"tensorrt/{order.name}{suffix}.onnx") for suffix in typed.files)
    for path, graph in zip(paths, typed.files.values(), strict=True):
        (order.folder / path).write_bytes(graph.stamped(stamp_json(order.stamp), order.facts))
    return Written(paths[0], paths, typed.cost)  # the one to try first in front


def write_engine(order: Order) -> Written:
    """`tensorrt/<name>.engine`, for the target's kind of GPU."""
    typed = _typed(order.graph, order.target.precision, order.target.tile, order.quantization)
    path, cost = compile_ahead(order.folder, order.name, typed, str(order.target.sm))
    return Written(path, (path,), cost)


@lru_cache(maxsize=PRECISIONS)
def _typed(graph: Graph, precision: str, tile: tuple[int, int], quantization: Quantization | None) -> TypedGraphs:
    quantized = None if quantization is None else as_onnx(quantization)
    return typed_graphs(graph, precision, picture=photograph(tile), quantized=quantized)
