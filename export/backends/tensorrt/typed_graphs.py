"""The ONNX that TensorRT engines are built from: typed fp32, typed fp16, or int8 in two forms of scales.

An engine is tied to its GPU and version, so what is exported is the graph; `dlgsanet build` makes the engine where it
will run. Precision lies in the file alone (strongly typed, which TensorRT 11 requires and 10.x has), every file is
linted, and the head-room of fp16 is measured before it is trusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import onnx
from numpy.typing import NDArray

from dlgsanet.errors import BackendError, InputError
from export.backends.tensorrt.half_precision import HALF_MAX, fp32_islands, to_half
from export.backends.tensorrt.int8_forms import typed_forms, with_exact_scales
from export.backends.tensorrt.value_ranges import by_block, largest_values
from export.graph.build import require_valid
from export.graph.graph import Graph
from runtimes.backends.tensorrt.lint.lint import lint
from runtimes.backends.tensorrt.lint.rules import OPERATORS
from runtimes.bundle.artifact_facts import Cost
from runtimes.file_formats.onnx_graph import read_graph, tensor_types

MAX_RANK = 8  # nvinfer1::Dims::MAX_DIMS
MAX_RANGE_USED = 0.5
"""Share of fp16's range that a picture may need: other pictures, and trained networks, differ by less than twice."""


@dataclass(frozen=True)
class TypedGraphs:
    """`files`: suffix of the file's name ("" or ".fp16-scales") -> graph, the one to try first in front. `cost`: what
    the manifest says of them: nodes in fp32, int8 convolutions, and for each block the share of fp16's range used."""

    files: Mapping[str, Graph]
    cost: Cost


def typed_graphs(
    graph: Graph, precision: str, *, picture: NDArray[np.float32], quantized: Graph | None = None
) -> TypedGraphs:
    """The graphs of a precision (fp32, fp16 or int8) from the fp32 graph of a rewritten network.

    `picture`: a real tile (1, 3, H, W), on which ranges are measured; `quantized`: the symmetric Q/DQ form of the
    graph, for int8. Raises BackendError where fp16 cannot hold the network, or for a file that the linter refuses.
    """
    files = _forms(graph, precision, quantized)
    for suffix, made in files.items():
        require_valid(made.model, MAX_RANK)
        require_no_fault(made.data, suffix or precision)
    cost = Cost()
    if precision != "fp32":
        used = require_head_room(files, largest_values(graph, picture))
        cost = Cost(fp32_nodes=len(fp32_islands(graph.model)), fp16_range_used=used)
    if quantized is not None:
        cost = replace(cost, int8_convolutions=_int8_convolutions(files[""].model.graph))
    return TypedGraphs(files, cost)


def require_known(graph: Graph) -> None:
    """Raise InputError naming the first operator that the linter does not know."""
    for node in graph.model.graph.node:
        if node.op_type not in OPERATORS:
            raise InputError(
                f"{node.op_type} ({node.name}) has not been seen to build for TensorRT: leave tensorrt out of --to, or "
                "export the network without it"
            )


def _forms(graph: Graph, precision: str, quantized: Graph | None) -> Mapping[str, Graph]:
    if precision == "fp32":
        return {"": graph}
    if precision == "fp16":
        return {"": Graph(to_half(graph.model, fp32_islands(graph.model)))}
    if precision == "int8" and quantized is not None:
        forms = typed_forms(with_exact_scales(quantized.model, graph.model))
        return {suffix: Graph(made) for suffix, made in forms.items()}
    raise BackendError(f"export/backends/tensorrt/typed_graphs.py has no form for {precision}: please report this")


def _int8_convolutions(graph: onnx.GraphProto) -> int:
    """Those whose weights are integers."""
    constants = {tensor.name for tensor in graph.initializer}
    return sum(node.input[0] in constants for node in graph.node if node.op_type == "DequantizeLinear")


def require_no_fault(data: bytes, name: str) -> None:
    """Raise BackendError with the linter's first line: what we write ourselves has no faults."""
    faults = lint(data)
    if faults:
        raise BackendError(f"the graph for TensorRT ({name}) has {len(faults)} faults, first: {faults[0]}")


def require_head_room(files: Mapping[str, Graph], peaks: Mapping[str, float]) -> dict[str, float]:
    """Block -> share of fp16's range that its fp16 tensors used on a picture; `peaks`: tensor -> largest |value|.

    Raises BackendError, naming the tensor, above MAX_RANGE_USED or for a value that is not finite.
    """
    halves = {name for made in files.values() for name in half_tensors(made)}
    used = {name: peaks[name] / HALF_MAX for name in halves if name in peaks}
    for name, share in used.items():
        if not share <= MAX_RANGE_USED:  # so that NaN fails as well
            raise BackendError(
                f"'{name}' reaches {peaks[name]:g} on a photograph, expected at most {MAX_RANGE_USED * HALF_MAX:g}: "
                "fp16 would overflow on others, export tensorrt-fp32"
            )
    return {block: round(share, 7) for block, share in by_block(dict(sorted(used.items()))).items()}


def half_tensors(graph: Graph) -> set[str]:
    """Tensors of the fp32 graph that have an fp16 form in a typed one: of their own name, or as a cast of it."""
    types = tensor_types(read_graph(graph.data))
    return {name.removesuffix(".fp16") for name, kind in types.items() if kind == "fp16"}
