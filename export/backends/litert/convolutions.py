"""Convolutions and the pixel shuffle for LiteRT, whose pictures have their channels last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dlgsanet.errors import InputError
from export.backends.litert.flat_model import Steps
from export.backends.litert.integers import answer_steps
from export.backends.litert.program import Array, Ints, OnnxNode, Program, TensorValue
from export.backends.litert.weights import filters

SAME, VALID = 0, 1  # Padding of the schema
DENSE, DEPTHWISE = (0, 2, 3, 1), (1, 2, 3, 0)
"""How the axes of weights (O, I, H, W) are stored."""


def conv(program: Program, node: OnnxNode) -> None:
    """A dense, grouped or depthwise convolution of two dimensions, on reals or on whole numbers."""
    whole = node.inputs[1] in program.restored
    weight = program.restored[node.inputs[1]].array if whole else program.array(node.inputs[1])
    if weight is None or weight.ndim != 4:
        raise InputError(f"{node.name}: LiteRT has convolutions of two dimensions: leave litert out of --to")
    groups = node.number("group", 1)
    depthwise = groups == program.shapes[node.inputs[0]][1] and weight.shape[1] == 1 and groups > 1
    form = _Form(node, DEPTHWISE if depthwise else DENSE, program.shuffles.get(node.outputs[0]))
    x, *constants = _integers(program, form, weight) if whole else _reals(program, form, weight)
    x, padding = _padded(program, node, x, weight.shape[2:])
    schema = program.model.schema
    options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
    if depthwise:
        options.depthMultiplier = weight.shape[0] // groups
    options.padding = padding
    options.strideH, options.strideW = node.numbers("strides", (1, 1))
    options.dilationHFactor, options.dilationWFactor = node.numbers("dilations", (1, 1))
    made = _answer(program, node) if whole else program.output(node, last=True)
    kind = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    program.model.operator(kind, (x.tensor, *constants), (made.tensor,), options, version=3 if whole else 1)


@dataclass(frozen=True)
class _Form:
    """`order`: how the axes of the weights are stored; `channels`: in which order it answers, None: in ONNX's."""

    node: OnnxNode
    order: Ints
    channels: Array | None

    def ordered(self, array: Array) -> Array:
        return array if self.channels is None else array[self.channels]


def _reals(program: Program, form: _Form, weight: Array) -> tuple[TensorValue, int, int]:
    node = form.node
    bias = program.array(node.inputs[2]) if node.has(2) else np.zeros(weight.shape[0], np.float32)
    weights = filters(program, node, form.ordered(weight), form.order)
    return program.channels_last(node.inputs[0]), weights, program.constant(f"{node.name}/bias", form.ordered(bias))


def _integers(program: Program, form: _Form, weight: Array) -> tuple[TensorValue, int, int]:
    """Input, weights and bias: the bias counts in products of the steps of the other two."""
    node = form.node
    given, stored = program.restored[node.inputs[0]], program.restored[node.inputs[1]]
    if given.value is None:
        raise InputError(f"{node.name}: expected a picture, found a constant: leave litert out of --to")
    scales = form.ordered(np.asarray(stored.steps.scale))
    steps = Steps(tuple(map(float, scales)), (0,) * len(scales), form.order.index(0))
    kernel = np.ascontiguousarray(form.ordered(weight).transpose(form.order))
    weights = program.model.constant(node.inputs[1], kernel, steps)
    bias = program.restored[node.inputs[2]].array if node.has(2) else np.zeros(weight.shape[0], np.int32)
    assert bias is not None
    both = Steps(tuple(float(scale) * given.steps.scale[0] for scale in scales), steps.zero)
    added = program.model.constant(f"{node.name}/bias", form.ordered(bias), both)
    return program.in_order(given.value, last=True, name=node.inputs[0]), weights, added


def _answer(program: Program, node: OnnxNode) -> TensorValue:
    """The tensor of an INT8 convolution's answer."""
    name = node.outputs[0]
    made = program.new(name, program.shapes[name], last=True, kind="int8", steps=answer_steps(program, name))
    program.whole[name] = made
    return made


def _padded(program: Program, node: OnnxNode, x: TensorValue, kernel: Ints) -> tuple[TensorValue, int]:
    """The input, and the padding that the convolution itself adds: LiteRT has only none, and as many zeros as keep the
    size. Others are written out."""
    pads = node.numbers("pads", (0, 0, 0, 0))
    strides, dilations = node.numbers("strides", (1, 1)), node.numbers("dilations", (1, 1))
    if not any(pads):
        return x, VALID
    around = [(side - 1) * step for side, step in zip(kernel, dilations, strict=True)]
    keeps = [(total // 2, total - total // 2) for total in around]
    if strides == (1, 1) and [(pads[0], pads[2]), (pads[1], pads[3])] == keeps:
        return x, SAME
    top, left, bottom, right = pads
    n, c, h, w = x.shape
    made = program.like(x, f"{node.name}/padded", (n, c, h + top + bottom, w + left + right))
    pairs = program.constant("pads", np.asarray([(0, 0), (top, bottom), (left, right), (0, 0)], np.int32))
    program.model.operator("PAD", (x.tensor, pairs), (made.tensor,), program.model.schema.PadOptionsT())
    return made, VALID


def depth_to_space(program: Program, node: OnnxNode) -> None:
    """The pixel shuffle, whose input already has its channels in LiteRT's order, or gets them so."""
    x, size = program.channels_last(node.inputs[0]), node.number("blocksize")
    if node.attributes.get("mode", "DCR") == "CRD" and node.inputs[0] not in program.shuffles:
        order = program.constant("channels", crd_order(x.shape[1], size).astype(np.int32))
        options = program.model.schema.GatherOptionsT()
        options.axis = 3
        ordered = program.new(f"{node.name}/ordered", x.shape, last=True)
        program.model.operator("GATHER", (x.tensor, order), (ordered.tensor,), options)
        x = ordered
    options = program.model.schema.DepthToSpaceOptionsT()
    options.blockSize = size
    program.model.operator("DEPTH_TO_SPACE", (x.tensor,), (program.output(node, last=True).tensor,), options)


def crd_order(channels: int, size: int) -> Array:
    """Of LiteRT's channels, which one of PyTorch's each is."""
    order: Array = np.arange(channels).reshape(channels // size**2, size**2).T.reshape(-1)
    return order


def shuffle_orders(nodes: Sequence[OnnxNode], shapes: Mapping[str, Ints]) -> dict[str, Array]:
    """Of each convolution that only a pixel shuffle reads, the order in which its channels are to be computed: LiteRT's
    shuffle has the places of a pixel's block first and the channels within, PyTorch's the other way round."""
    readers = Counter(name for node in nodes for name in node.inputs)
    made = {node.outputs[0] for node in nodes if node.kind == "Conv"}
    return {
        node.inputs[0]: crd_order(shapes[node.inputs[0]][1], node.number("blocksize"))
        for node in nodes
        if node.kind == "DepthToSpace" and node.attributes.get("mode") == "CRD"
        if node.inputs[0] in made and readers[node.inputs[0]] == 1
    }
