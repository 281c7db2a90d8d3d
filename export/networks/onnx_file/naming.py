"""Names of a graph's nodes and tensors that everything downstream can rely on."""

from __future__ import annotations

from collections import Counter

import onnx

from export.quantization.layers import CONV, FIRST, LAST

_CONVOLUTION = "Conv"


def named(model: onnx.ModelProto) -> onnx.ModelProto:
    """Every node is called `<place>.<operator>`, in the order of the graph, and its output as the node; the first and
    the last convolution are called so (`export.quantization.layers`). A constant is called after its first reader;
    ports keep their names."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    convolutions = [index for index, node in enumerate(graph.node) if node.op_type == _CONVOLUTION]
    ends = dict(zip(convolutions[:1] + convolutions[-1:], (FIRST, LAST), strict=False))
    ports = {graph.output[0].name}
    count: Counter[str] = Counter()
    constants = {tensor.name for tensor in graph.initializer}
    called: dict[str, str] = {}
    for index, node in enumerate(graph.node):
        count[node.op_type] += 1
        place = ends.get(index, f"{node.op_type.lower()}_{count[node.op_type]}")
        node.name = f"{place}{CONV if node.op_type == _CONVOLUTION else '.' + node.op_type}"
        for at, name in enumerate(node.input):
            if name in constants:
                called.setdefault(name, f"{node.name}.{at}")
            node.input[at] = called.get(name, name)
        for at, output in enumerate(node.output):
            if output and output not in ports:
                called[output] = node.name if at == 0 else f"{node.name}:{at}"
                node.output[at] = called[output]
    for tensor in graph.initializer:
        tensor.name = called.get(tensor.name, tensor.name)
    del graph.value_info[:]
    return made
