"""The lint rules of any ONNX graph for TensorRT: versions, operators, shapes, types, sums."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from dlgsanet.errors import InputError
from runtimes.file_formats.onnx_graph import FLOATS, Graph, Node

OPSETS = range(17, 20)
"""Read by every TensorRT from 10.3 on: 10.x parses operator sets 9 to 20."""

OPERATORS = frozenset({
    "Abs", "Add", "AveragePool", "BatchNormalization", "Cast", "Ceil", "Celu", "Clip", "Concat", "Conv",
    "ConvTranspose", "Cos", "DepthToSpace", "DequantizeLinear", "Div", "Einsum", "Elu", "Erf", "Exp", "Expand",
    "Flatten", "Floor", "Gather", "GatherElements", "GlobalAveragePool", "GlobalMaxPool", "Greater", "HardSigmoid",
    "HardSwish", "Identity", "InstanceNormalization", "LayerNormalization", "LeakyRelu", "LpNormalization", "MatMul",
    "Max", "MaxPool", "Min", "Mish", "Mul", "Neg", "PRelu", "Pad", "Pow", "QuantizeLinear", "Reciprocal", "ReduceL2",
    "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "Relu", "Reshape", "Resize", "Round", "ScatterND", "Selu",
    "Sigmoid", "Sign", "Sin", "Slice", "Softmax", "Softplus", "Softsign", "SpaceToDepth", "Split", "Sqrt", "Squeeze",
    "Sub", "Sum", "Tanh", "ThresholdedRelu", "Tile", "Transpose", "Unsqueeze", "Where",
})  # fmt: skip
"""What networks for pictures are made of; TensorRT-RTX 1.7 built each in fp32 and fp16, and those of Q/DQ graphs."""

SUMS = (
    "GlobalAveragePool", "LpNormalization", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMean",
    "ReduceSum", "ReduceSumSquare",
)  # fmt: skip
HALF_TINY = 2.0**-14  # the smallest normal fp16 number
_ALLOWED_TYPES = ("fp32", "fp16", "int8", "int64", "bool")
_SAME_TYPE = (
    "Add", "BatchNormalization", "Clip", "Concat", "Conv", "ConvTranspose", "Div", "Einsum", "InstanceNormalization",
    "LayerNormalization", "MatMul", "Max", "Min", "Mul", "PRelu", "Pad", "Pow", "ScatterND", "Sub", "Sum", "Where",
)  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: where, what was found and expected, and what to do."""

    where: str
    found: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: found {self.found}, expected {self.expected}: {self.remedy}"


Rule = Callable[[Graph, Mapping[str, str]], Iterator[Fault]]


def _versions(graph: Graph, types: Mapping[str, str]) -> Iterator[Fault]:
    found = graph.opsets.get("", 0)
    if found not in OPSETS:
        yield Fault(
            "the model", f"operator set {found}", f"{OPSETS[0]} to {OPSETS[-1]}", "export with operator set 18 or 19"
        )
    for domain in graph.opsets:
        if domain:
            yield Fault("the model", f"operators of '{domain}'", "ONNX's own only", "export the bundle again")
    if graph.functions:
        yield Fault("the model", f"{graph.functions} local functions", "none", "inline them (onnx.inliner)")


def _operators(graph: Graph, types: Mapping[str, str]) -> Iterator[Fault]:
    for node in graph.nodes:
        if node.kind not in OPERATORS or node.domain:
            kind = f"{node.domain}.{node.kind}" if node.domain else node.kind
            yield Fault(node.title, f"the operator {kind}", "one that is known to build", "rewrite it or report it")


def _shapes(graph: Graph, types: Mapping[str, str]) -> Iterator[Fault]:
    for port in (*graph.inputs, *graph.outputs):
        if not port.dims or any(not isinstance(size, int) or size < 1 for size in port.dims):
            shown = "x".join(str(size) or "?" for size in port.dims) or "no shape"
            yield Fault(f"'{port.name}'", f"the shape {shown}", "fixed sizes", "export one artifact for each --tile")
        if port.dtype not in ("fp32", "fp16"):
            yield Fault(f"'{port.name}'", port.dtype, "fp32 or fp16", "export the bundle again")


def _constants(graph: Graph, types: Mapping[str, str]) -> Iterator[Fault]:
    for tensor in graph.tensors.values():
        if tensor.external:
            yield Fault(
                f"the constant '{tensor.name}'",
                "external data",
                "its numbers in the file",
                "save the model as one file",
            )
        elif tensor.dtype in ("fp32", "fp16"):
            try:
                finite = bool(np.isfinite(tensor.values().astype(np.float32)).all())
            except InputError as error:
                yield Fault(f"the constant '{tensor.name}'", str(error), "readable numbers", "export the bundle again")
                continue
            if not finite:
                yield Fault(f"the constant '{tensor.name}'", "NaN or infinity", "finite numbers", "use fp32")


def _wiring(graph: Graph, types: Mapping[str, str]) -> Iterator[Fault]:
    """Every tensor is made once, before it is read, and by a node that has a name of its own."""
    known = {port.name for port in graph.inputs} | set(graph.tensors)
    names: set[str] = set()
    for node in graph.nodes:
        for name in node.inputs:
            if name and name not in known:
                yield Fault(node.title, f"the input '{name}', made by nothing before it", "a tensor", "export it again")
        for name in node.outputs:
            if name in known:
                yield Fault(node.title, f"the output '{name}', made twice", "one maker", "export the bundle again")
            known.add(name)
        if not node.name or node.name in names:
            yield Fault(node.title, "no name of its own", "a name for messages and tables", "name the node")
        names.add(node.name)
    for port in graph.outputs:
        if port.name not in known:
            yield Fault(f"'{port.name}'", "an output that nothing makes", "a tensor", "export the bundle again")


def _types(graph: Graph, types: Mapping[str, str]) -> Iterator[Fault]:
    remedy = "write the Cast out: strongly typed TensorRT adds none"
    for node in graph.nodes:
        found = {types.get(name, "unknown") for name in node.inputs if name}
        for kind in sorted(found - set(_ALLOWED_TYPES) - {"unknown", "int32", "uint8"}):  # the Q/DQ rules name these
            yield Fault(node.title, kind, "fp32, fp16, or int8 between Q and DQ", "export the bundle again")
        floats = found & set(FLOATS)
        if node.kind in _SAME_TYPE and len(floats) > 1:
            yield Fault(node.title, " and ".join(sorted(floats)), "inputs of one type", remedy)
        if node.kind in _SAME_TYPE and "int8" in found:
            yield Fault(node.title, "an int8 input", "DequantizeLinear before it", "export the bundle again")
    for port in graph.outputs:
        made = types.get(port.name, port.dtype)
        if made != port.dtype:
            yield Fault(f"'{port.name}'", f"{made} made, {port.dtype} declared", "one type", remedy)


def _sums(graph: Graph, types: Mapping[str, str]) -> Iterator[Fault]:
    for node in graph.nodes:
        if node.kind in SUMS and types.get(node.first) == "fp16":
            yield Fault(
                node.title, "a sum in fp16", "fp32", "cast to fp32 before it: 96x96 squares overflow from a mean of 7.1"
            )


def _epsilons(graph: Graph, types: Mapping[str, str]) -> Iterator[Fault]:
    """An epsilon that fp16 has made zero (or nearly: a GPU may flush what is not normal) protects nothing."""
    for node in graph.nodes:
        if node.kind not in ("Add", "Max", "Div"):
            continue
        for name in node.inputs:
            held = graph.tensors.get(name)
            if held is None or held.dtype != "fp16" or held.external or any(size != 1 for size in held.dims):
                continue
            value = abs(float(held.values().reshape(-1)[0]))
            if value < HALF_TINY:
                yield Fault(
                    node.title, f"the fp16 constant '{name}' of {value:g}", f"at least {HALF_TINY:.2g}",
                    "compute it in fp32",
                )  # fmt: skip


RULES: tuple[Rule, ...] = (_versions, _operators, _shapes, _constants, _wiring, _types, _sums, _epsilons)


def feeds(graph: Graph, node: Node, index: int) -> Node | None:
    """The node that makes the input `index` of a node; None for constants, inputs of the graph, and absent ones."""
    return graph.maker(node.inputs[index]) if index < len(node.inputs) else None
