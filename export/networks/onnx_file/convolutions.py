"""Convolutions that say all that they are: kernel, strides, dilations, groups and padding on each side."""

from __future__ import annotations

import onnx
from onnx import helper

from dlgsanet.errors import InputError

_SAME = ("SAME_UPPER", "SAME_LOWER")


def with_stated_convolutions(model: onnx.ModelProto) -> onnx.ModelProto:
    """What a file may leave out follows from the weights. Raises InputError for a padding that depends on more."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    shapes = {tensor.name: list(tensor.dims) for tensor in made.graph.initializer}
    for node in made.graph.node:
        if node.op_type == "Conv" and node.input[1] in shapes:
            _state(node, shapes[node.input[1]][2:])
    return made


def _state(node: onnx.NodeProto, kernel: list[int]) -> None:
    known = {it.name: helper.get_attribute_value(it) for it in node.attribute}
    ones = [1] * len(kernel)
    known.setdefault("kernel_shape", kernel)
    known.setdefault("strides", ones)
    known.setdefault("dilations", ones)
    known.setdefault("group", 1)
    automatic = known.pop("auto_pad", b"NOTSET").decode()
    if automatic in _SAME:
        known["pads"] = _same(node, kernel, known["strides"], known["dilations"])
    elif automatic == "VALID":
        known["pads"] = [0] * 2 * len(kernel)
    known.setdefault("pads", [0] * 2 * len(kernel))
    del node.attribute[:]
    node.attribute.extend(helper.make_attribute(name, known[name]) for name in sorted(known))


def _same(node: onnx.NodeProto, kernel: list[int], strides: list[int], dilations: list[int]) -> list[int]:
    """As much on both sides as keeps the size."""
    spans = [dilation * (size - 1) for size, dilation in zip(kernel, dilations, strict=True)]
    if any(span % 2 for span in spans) or any(stride != 1 for stride in strides):
        raise InputError(f"{node.name}: expected stated pads, found auto_pad with strides or an even kernel")
    return [span // 2 for span in spans] * 2
