"""What a compiled OpenVINO network says of its layers: the precisions that run, and how much of the work each does.

The runtime model is asked, not the hints: a hint that the hardware cannot do is changed or ignored without an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from runtimes.backends.openvino.protocols import Compiled, IrModel, Op, Port
from runtimes.runner.work_by_precision import Layer, convolution_macs, count_fault, product_macs

PRECISION_HINT = "INFERENCE_PRECISION_HINT"
TAP = "tap of "
"""How the names of layers begin that are no part of the network: see `OpenVinoRunner`."""

# OpenVINO's element types -> precisions as in artifact ids
TYPES = {"f32": "fp32", "f16": "fp16", "bf16": "bf16", "i8": "int8", "u8": "int8"}
_BESIDE_INT8 = {"fp32": "int8", "bf16": "int8-mixed"}  # what INT8 dense convolutions are called, by their neighbours
_PRODUCTS = ("matmul", "fullyconnected")
_CONVOLUTIONS = ("Convolution", "GroupConvolution")
_QUANTIZED = (*_CONVOLUTIONS, "MatMul")


@dataclass(frozen=True)
class FileFacts:
    """What a network's file says of its integers: how many layers are quantized, and whether only weights are."""

    quantized: int
    stored_in_int8: bool


def facts_of(network: IrModel) -> FileFacts:
    """Of a network as read from its file."""
    return FileFacts(quantized_layers(network), stored_in_int8(network))


def precision_of(facts: FileFacts, compiled: Compiled) -> str:
    """The precision of a network read from its file and compiled, as in artifact ids: what its convolutions run in, or
    `int8w` where that is fp32 with weights that the file stores in int8."""
    found = reported_precision(compiled, facts.quantized)
    return "int8w" if found == "fp32" and facts.stored_in_int8 else found


def reported_precision(compiled: Compiled, quantized: int = 0) -> str:
    """The precision that the layers of the compiled network really run in, named as in artifact ids.

    Most of the dense and most of the other (depthwise) convolutions decide; INT8 beside bf16 is `int8-mixed`, INT8
    beside fp32 or INT8 is `int8`, any other pair is what most of all run in, products of matrices among them: of
    attention by windows they are nearly all. The compiled model's own INFERENCE_PRECISION_HINT is the answer only
    where the device shows no layers. `quantized`: how many layers of the network before compilation are quantized;
    where fewer ran as integers, that is the answer.
    """
    dense: Counter[str] = Counter()
    other: Counter[str] = Counter()
    products: Counter[str] = Counter()
    integers = 0
    for op, kind in _working(compiled):
        precision = _rt(op, "runtimePrecision")
        integers += named(precision) == "int8"
        if "convolution" in kind:
            depthwise = kind == "groupconvolution" or "_dw" in _rt(op, "primitiveType")
            (other if depthwise else dense)[precision] += 1
        else:
            products[precision] += 1
    hint = str(compiled.get_property(PRECISION_HINT).to_string())
    if named(_most(dense)) == "int8" and (beside := named(_most(other) or hint)) in _BESIDE_INT8:
        return count_fault(quantized, integers) or _BESIDE_INT8[beside]
    return named(_most(dense + other + products) or hint)


def quantized_layers(network: IrModel) -> int:
    """How many layers of a network, as read from its file, multiply a quantized input with quantized weights."""
    return sum(op.get_type_name() in _QUANTIZED and all(map(_rounded, op.inputs())) for op in network.get_ops())


def stored_in_int8(network: IrModel) -> bool:
    """Whether a network, as read from its file, stores most weights of its convolutions in int8 and rounds none of
    their inputs: weights-only INT8."""
    held: Counter[bool] = Counter()
    for op in network.get_ops():
        if op.get_type_name() in _CONVOLUTIONS:
            if _rounded(op.input(0)):
                return False
            held[_rounded(op.input(1))] += prod(op.input(1).get_shape())
    return held[True] > held[False]


def layers(compiled: Compiled) -> Iterator[Layer]:
    """Every convolution and matrix product that runs, with its precision; nothing where the device shows no layers."""
    for op, kind in _working(compiled):
        out = tuple(op.output(0).get_shape())
        given = [tuple(port.get_shape()) for port in op.inputs()]
        if "convolution" in kind:
            macs = convolution_macs(given[1], prod(out[2:]))
        elif kind == "fullyconnected":
            macs = prod(out) * given[0][-1]
        else:
            macs = product_macs(given[0], out)
        yield Layer(named(_rt(op, "runtimePrecision")), macs)


def named(kind: str) -> str:
    """An element type of OpenVINO as in artifact ids."""
    return TYPES.get(kind, kind)


def _working(compiled: Compiled) -> Iterator[tuple[Op, str]]:
    """The convolutions and products that run, with their kind; not those by which a tensor is only looked at."""
    for op in compiled.get_runtime_model().get_ops():
        kind = _rt(op, "layerType").lower()
        multiplies = "convolution" in kind or kind in _PRODUCTS
        if multiplies and not _rt(op, "originalLayersNames").startswith(TAP):
            yield op, kind


def _rounded(port: Port) -> bool:
    """Whether what a port reads passed through FakeQuantize, or through integers and a scale, as stored weights do."""
    node = port.get_source_output().get_node()
    while node.get_type_name() in ("Multiply", "Subtract", "Reshape", "Convert"):
        before = node.input(0).get_source_output()
        if node.get_type_name() == "Convert" and before.get_element_type().get_type_name() in ("i8", "u8"):
            return True
        node = before.get_node()
    return bool(node.get_type_name() == "FakeQuantize")


def _most(kinds: Counter[str]) -> str:
    return kinds.most_common(1)[0][0] if kinds else ""


def _rt(op: Op, key: str) -> str:
    info = op.get_rt_info()
    return str(info[key].astype(str)) if key in info else ""
