"""The lint rules of Q/DQ graphs: symmetric int8, weights per output channel, no quantized bias, no depthwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from dlgsanet.errors import InputError
from runtimes.backends.tensorrt.lint.rules import Fault, Rule, feeds
from runtimes.file_formats.onnx_graph import Graph, Node, Tensor

_QUANTIZERS = ("QuantizeLinear", "DequantizeLinear")


def _zero_points(graph: Graph, types: Mapping[str, str]) -> Iterator[Fault]:
    for node in graph.nodes:
        if node.kind not in _QUANTIZERS:
            continue
        held = graph.tensors.get(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] else None
        integers = node.first if node.kind == "DequantizeLinear" else "".join(node.outputs[:1])
        kind = held.dtype if held is not None else types.get(integers, "unknown")
        if kind == "int32":
            yield Fault(node.title, "a bias in int32", "biases in floats", "quantize with QuantizeBias=False")
        elif kind != "int8":
            found = f"{kind} values" + ("" if held is not None else " (no zero point says otherwise)")
            yield Fault(
                node.title, found, "int8", "use QInt8 for activations and weights: uint8 is read as int8 silently"
            )
        if held is None and len(node.inputs) > 2 and node.inputs[2]:
            yield Fault(node.title, "a computed zero point", "constant zeros", "calibrate before the export")
        elif held is not None and held.dtype == "int8" and not held.external and np.any(held.values()):
            yield Fault(node.title, "a zero point that is not 0", "0", "quantize with ActivationSymmetric=True")


def _scales(graph: Graph, types: Mapping[str, str]) -> Iterator[Fault]:
    for node in graph.nodes:
        if node.kind not in _QUANTIZERS:
            continue
        held = graph.tensors.get(node.inputs[1]) if len(node.inputs) > 1 else None
        if held is None or held.external:
            yield Fault(
                node.title, "a scale that is no constant of the file", "a constant", "calibrate before the export"
            )
            continue
        if held.dtype not in ("fp32", "fp16"):
            yield Fault(node.title, f"a scale in {held.dtype}", "fp32 or fp16", "export the bundle again")
            continue
        values = held.values().astype(np.float64)
        if values.size == 0 or not np.isfinite(values).all() or (values <= 0).any():
            worst = "none" if values.size == 0 else f"{values.min() if np.isfinite(values).all() else np.nan:g}"
            why = "fp16 makes small scales 0" if held.dtype == "fp16" else "a dead channel has the range 0"
            yield Fault(node.title, f"a scale of {worst}", "finite and above 0", f"give it a floor ({why})")
        if node.kind == "QuantizeLinear" and types.get(node.first, held.dtype) != held.dtype:
            found = f"{types[node.first]} values and {held.dtype} scales"
            yield Fault(node.title, found, "one type", "write the Cast out: strongly typed TensorRT adds none")


def _axes(graph: Graph, types: Mapping[str, str]) -> Iterator[Fault]:
    for node in graph.nodes:
        held = graph.tensors.get(node.inputs[1]) if node.kind in _QUANTIZERS and len(node.inputs) > 1 else None
        if held is None:
            continue
        count = int(np.prod(held.dims)) if held.dims else 1
        weight = graph.tensors.get(node.first)
        if weight is None:
            if count > 1:
                yield Fault(node.title, f"{count} scales", "one for a whole activation", "per_channel is for weights")
            continue
        yield from _weight_axis(node, held, weight, count)


def _weight_axis(node: Node, scale: Tensor, weight: Tensor, count: int) -> Iterator[Fault]:
    if not scale.dims:
        return
    axis = node.attributes.get("axis", 1)  # the standard's default
    if isinstance(axis, int) and axis < 0:
        axis += len(weight.dims)
    remedy = "quantize weights along their output channels: another axis is accepted silently and wrong"
    if axis != 0:
        yield Fault(node.title, f"weights quantized along axis {axis}", "axis 0", remedy)
    elif weight.dims and count != weight.dims[0]:
        yield Fault(node.title, f"{count} scales for {weight.dims[0]} output channels", "one for each", remedy)


def _pairs(graph: Graph, types: Mapping[str, str]) -> Iterator[Fault]:
    """Q is read by DQ alone, DQ reads a Q or int8 weights."""
    for node in graph.nodes:
        for index, name in enumerate(node.inputs):
            made_by = graph.maker(name)
            if made_by is not None and made_by.kind == "QuantizeLinear" and (node.kind != _QUANTIZERS[1] or index):
                yield Fault(node.title, f"'{name}' straight from QuantizeLinear", "DequantizeLinear", "export it again")
        if node.kind == "DequantizeLinear":
            source = feeds(graph, node, 0)
            if node.first not in graph.tensors and (source is None or source.kind != "QuantizeLinear"):
                yield Fault(
                    node.title, "an input that is not quantized", "QuantizeLinear or weights", "export it again"
                )
    for port in graph.outputs:
        source = graph.maker(port.name)
        if source is not None and source.kind == "QuantizeLinear":
            yield Fault(f"'{port.name}'", "an output in int8", "floats", "export the bundle again")


def _convolutions(graph: Graph, types: Mapping[str, str]) -> Iterator[Fault]:
    for node in graph.nodes:
        if node.kind != "Conv":
            continue
        made = [feeds(graph, node, index) for index in range(3)]
        data, weight, bias = (each is not None and each.kind == "DequantizeLinear" for each in made)
        group = node.attributes.get("group", 1)
        if bias:
            yield Fault(node.title, "a quantized bias", "a bias in floats", "quantize with QuantizeBias=False")
        if (data or weight) and isinstance(group, int) and group > 1:
            yield Fault(
                node.title, f"int8 with {group} groups", "depthwise convolutions in floats",
                "leave it out: its channels are padded to four times their size",
            )  # fmt: skip
        elif data != weight:
            found = "int8 data and float weights" if data else "float data and int8 weights"
            yield Fault(node.title, found, "both or none", "quantize its input and its weight")


def _guarded(rule: Rule) -> Rule:
    """A constant that cannot be read is a fault of its own, said by the general rules: this one then has no answer."""

    def run(graph: Graph, types: Mapping[str, str]) -> Iterator[Fault]:
        try:
            yield from rule(graph, types)
        except InputError as error:
            yield Fault("the model", str(error), "readable numbers", "export the bundle again")

    return run


QUANTIZED_RULES: tuple[Rule, ...] = tuple(map(_guarded, (_zero_points, _scales, _axes, _pairs, _convolutions)))
