"""TensorRT's graphs of a network without a bundle, for those who build engines from them by themselves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dlgsanet.network.model import DLGSANet
from export.backends.tensorrt.typed_graphs import typed_graphs
from export.graph.build import build_onnx
from export.graph.graph import Graph
from export.pictures import photograph
from export.quantization.calibrated_graph import quantized
from export.quantization.onnx_qdq import SYMMETRIC
from export.rewriting.rewrite import rewrite
from export.targets.table import Target


def make_onnx(
    model: DLGSANet, tile: tuple[int, int], precision: str, *, tiles: NDArray[np.float32] | None = None
) -> Mapping[str, bytes]:
    """From a reference network to the files of a precision, for those who build engines without a bundle.

    `tiles`: calibration tiles (N, 3, H, W), for int8. Suffix -> content; unproven, see `export.rewriting.certificate`.
    """
    target = Target("tensorrt", precision, tile)
    rewritten = rewrite(model, target)
    built = build_onnx(rewritten.model, name="network", tile=tile, scale=model.scale, opset=target.graph_opset)
    graph = Graph(built)
    int8 = None if tiles is None else quantized(graph, tiles, SYMMETRIC)
    made = typed_graphs(graph, precision, picture=photograph(tile), quantized=int8)
    return {suffix: each.data for suffix, each in made.files.items()}
