"""What a graph costs to compute."""

from __future__ import annotations

import math

from export.graph.graph import Graph


def graph_macs(graph: Graph) -> int:
    """Multiply-adds of the convolutions and matrix products of a graph, as lowered."""
    inferred = graph.inferred
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
