"""What is in a file: operators that give other numbers each time, floats narrower than fp32, nodes out of order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx
from onnx import TensorProto, helper, numpy_helper

from dlgsanet.errors import InputError, shown
from export.networks.arithmetic.widen import HALF_TO_SINGLE, NAMING

DRAWN = ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")
_WHAT_TO_DO = "export the network for inference (in PyTorch after `eval()`)"


def nodes_of(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """Nodes in order, each before those of the graphs that it holds."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from nodes_of(inner.node)


def held_by(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    """Constants that nodes hold themselves."""
    for node in nodes:
        for attribute in node.attribute:
            yield from ([attribute.t] if attribute.HasField("t") else [])
            yield from attribute.tensors


def all_nodes(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Those of its functions, too."""
    return [*nodes_of(model.graph.node), *(node for it in model.functions for node in nodes_of(it.node))]


def require_repeatable(model: onnx.ModelProto, name: str) -> None:
    """Raise InputError naming the first node that gives other numbers each time, or trains."""
    values = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = all_nodes(model)
    for node in nodes:
        if node.op_type == "Constant" and node.output and node.attribute and node.attribute[0].HasField("t"):
            values[node.output[0]] = node.attribute[0].t
    for node in nodes:
        why = "gives other numbers each time" if node.op_type in DRAWN else _training(node, values)
        if why:
            called = node.name or next(iter(node.output), "")
            raise InputError(f"{name}: node {shown(called)} ({shown(node.op_type)}) {why}: {_WHAT_TO_DO}")


def _training(node: onnx.NodeProto, values: dict[str, onnx.TensorProto]) -> str:
    """Why it computes otherwise in training, or nothing."""
    if node.op_type == "Dropout" and len(node.input) > 2 and node.input[2]:
        mode = values.get(node.input[2])
        return "" if mode is not None and not numpy_helper.to_array(mode).any() else "drops numbers, as in training"
    if node.op_type == "BatchNormalization":
        how = {it.name: helper.get_attribute_value(it) for it in node.attribute}
        return "takes its norm from the picture, as in training" if how.get("training_mode", 0) else ""
    return ""


def holds_half(model: onnx.ModelProto) -> bool:
    """Whether any number of it is a float in fp16 or bf16."""
    return not _kinds(model).isdisjoint(HALF_TO_SINGLE.narrow)


def holds_bfloat16(model: onnx.ModelProto) -> bool:
    """Whether any is in bf16, which ONNX Runtime has no operators for on a CPU."""
    return TensorProto.BFLOAT16 in _kinds(model)


def _kinds(model: onnx.ModelProto) -> set[int]:
    nodes, graph = all_nodes(model), model.graph
    kinds = {tensor.data_type for tensor in (*graph.initializer, *held_by(nodes))}
    kinds |= {value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)}
    kinds |= {it.i for node in nodes for it in node.attribute if it.name in NAMING}
    return kinds


def in_order(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with each node behind those that it reads, as engines take it anyway and onnx's own tools do not; the
    same one where it is so already, or where there is no such order."""
    import onnx_ir
    from onnx_ir.passes.common import TopologicalSortPass

    known = {"", *(value.name for value in (*model.graph.input, *model.graph.initializer))}
    made_somewhere = known.union(*(node.output for node in model.graph.node))
    late = False
    for node in model.graph.node:
        if not made_somewhere.issuperset(node.input):
            return model
        late = late or not known.issuperset(node.input)
        known.update(node.output)
    if not late:
        return model
    graph = onnx_ir.from_proto(model)
    try:
        TopologicalSortPass()(graph)
    except (ValueError, onnx_ir.passes.PassError):  # a circle: the engine says it better
        return model
    made: onnx.ModelProto = onnx_ir.to_proto(graph)
    return made
