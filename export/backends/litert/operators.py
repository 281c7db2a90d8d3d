"""How each ONNX operator of our graphs is written for LiteRT. The table at the end is all there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dlgsanet.errors import InputError
from export.backends.litert.convolutions import conv, depth_to_space
from export.backends.litert.integers import quantize, restore
from export.backends.litert.program import LAST, OnnxNode, Program, TensorValue
from export.graph.graph import MAX_RANK

if TYPE_CHECKING:
    from export.graph.graph import Graph


def _binary(kind: str, options: str) -> Callable[[Program, OnnxNode], None]:
    def write(program: Program, node: OnnxNode) -> None:
        a, b = _alike(program, node.inputs[:2])
        made = program.output(node, last=a.last)
        program.model.operator(
            kind, (a.tensor, b.tensor), (made.tensor,), getattr(program.model.schema, f"{options}OptionsT")()
        )

    return write


def _alike(program: Program, names: Sequence[str]) -> list[TensorValue]:
    """Operands of one order: with channels last where one of them has them there."""
    values = [program.values[name] for name in names if name in program.values]
    if any(value.last for value in values):
        return [program.value(name) if _single(program, name) else program.channels_last(name) for name in names]
    return [program.value(name) for name in names]


def _single(program: Program, name: str) -> bool:
    return name in program.arrays and program.arrays[name].size == 1


def _unary(kind: str) -> Callable[[Program, OnnxNode], None]:
    def write(program: Program, node: OnnxNode) -> None:
        x = program.value(node.inputs[0])
        made = program.output(node, last=x.last)
        program.model.operator(kind, (x.tensor,), (made.tensor,))

    return write


def _gelu(program: Program, node: OnnxNode) -> None:
    x = program.value(node.inputs[0])
    options = program.model.schema.GeluOptionsT()
    options.approximate = node.attributes.get("approximate") == "tanh"
    program.model.operator("GELU", (x.tensor,), (program.output(node, last=x.last).tensor,), options)


def _reduce(kind: str) -> Callable[[Program, OnnxNode], None]:
    def write(program: Program, node: OnnxNode) -> None:
        _write_reduction(program, node, kind, program.value(node.inputs[0]))

    return write


def _reduce_l2(program: Program, node: OnnxNode) -> None:
    """The root of the sum of squares."""
    x = program.value(node.inputs[0])
    squares, total = program.new(f"{node.name}/squares", x.shape, last=x.last), f"{node.name}/sum"
    program.model.operator("MUL", (x.tensor, x.tensor), (squares.tensor,), program.model.schema.MulOptionsT())
    summed = _write_reduction(program, node, "SUM", squares, total)
    program.model.operator("SQRT", (summed.tensor,), (program.output(node, last=summed.last).tensor,))


def _write_reduction(program: Program, node: OnnxNode, kind: str, x: TensorValue, name: str = "") -> TensorValue:
    axes = program.integers(node.inputs[1]) if node.has(1) else node.numbers("axes", tuple(range(len(x.shape))))
    keep = bool(node.number("keepdims", 1))
    x = x if keep else program.in_order(x, last=False, name=node.inputs[0])
    shape = program.shapes[node.outputs[0]]
    made = program.new(name, shape, last=x.last) if name else program.output(node, last=x.last)
    options = program.model.schema.ReducerOptionsT()
    options.keepDims = keep
    places = program.constant("axes", np.asarray(sorted(x.place(axis) for axis in axes), np.int32))
    program.model.operator(kind, (x.tensor, places), (made.tensor,), options)
    return made


def _matmul(program: Program, node: OnnxNode) -> None:
    a, b = (program.plain(name) for name in node.inputs[:2])
    made = program.output(node)
    options = program.model.schema.BatchMatMulOptionsT()
    program.model.operator("BATCH_MATMUL", (a.tensor, b.tensor), (made.tensor,), options)


def _reshape(program: Program, node: OnnxNode) -> None:
    x = program.plain(node.inputs[0])
    program.write_reshape(x, program.output(node))


def _transpose(program: Program, node: OnnxNode) -> None:
    """TensorValue in whichever order needs nothing to be moved, if there is one."""
    x, name = program.value(node.inputs[0]), node.outputs[0]
    order = node.numbers("perm", tuple(reversed(range(len(x.shape)))))
    shape = program.shapes[name]
    for last in (False, True)[: 2 if len(shape) == 4 else 1]:
        stored = LAST if last else tuple(range(len(shape)))
        places = tuple(x.place(order[axis]) for axis in stored)
        if places == tuple(range(len(shape))):
            program.values[name] = TensorValue(x.tensor, shape, last)
            return
    places = tuple(x.place(axis) for axis in order)
    program.values[name] = program.transposed(x, places, shape, name, last=False)


def _concat(program: Program, node: OnnxNode) -> None:
    parts = _alike(program, node.inputs)
    made = program.output(node, last=parts[0].last)
    options = program.model.schema.ConcatenationOptionsT()
    options.axis = made.place(node.number("axis"))
    program.model.operator("CONCATENATION", [part.tensor for part in parts], (made.tensor,), options)


def _softmax(program: Program, node: OnnxNode) -> None:
    """LiteRT has it along the last axis only."""
    x = program.value(node.inputs[0])
    axis = node.number("axis", -1) % len(x.shape)
    if x.place(axis) != len(x.shape) - 1:
        x = program.in_order(x, last=False, name=node.inputs[0])
    if x.place(axis) != len(x.shape) - 1:
        raise _no_form(node, f"a softmax along axis {axis} of {len(x.shape)}")
    options = program.model.schema.SoftmaxOptionsT()
    options.beta = 1.0
    program.model.operator("SOFTMAX", (x.tensor,), (program.output(node, last=x.last).tensor,), options)


def _split(program: Program, node: OnnxNode) -> None:
    """As slices, which more delegates know than splits."""
    x = program.value(node.inputs[0])
    axis, start = node.number("axis", 0) % len(x.shape), 0
    for index, name in enumerate(node.outputs):
        made = program.output(node, index, last=x.last)
        begin = [0] * len(x.shape)
        begin[axis] = start
        start += program.shapes[name][axis]
        _write_slice(program, x, begin, made)


def _slice(program: Program, node: OnnxNode) -> None:
    x = program.value(node.inputs[0])
    starts, stops = program.integers(node.inputs[1]), program.integers(node.inputs[2])
    axes = program.integers(node.inputs[3]) if node.has(3) else tuple(range(len(starts)))
    steps = program.integers(node.inputs[4]) if node.has(4) else (1,) * len(starts)
    if set(steps) != {1}:
        raise _no_form(node, f"a slice in steps of {steps}")
    begin = [0] * len(x.shape)
    for start, stop, axis in zip(starts, stops, axes, strict=True):
        begin[axis] = range(x.shape[axis])[start:stop].start
    _write_slice(program, x, begin, program.output(node, last=x.last))


def _write_slice(program: Program, x: TensorValue, begin: Sequence[int], made: TensorValue) -> None:
    """The part of `x` that begins there (by ONNX's axes) and is as large as `made`."""
    first = program.constant("begin", np.asarray([begin[axis] for axis in x.order], np.int32))
    sides = program.constant("size", np.asarray(made.stored, np.int32))
    options = program.model.schema.SliceOptionsT()
    program.model.operator("SLICE", (x.tensor, first, sides), (made.tensor,), options)


def _pad(program: Program, node: OnnxNode) -> None:
    """With zeros, or by reflection."""
    x = program.value(node.inputs[0])
    pads = program.integers(node.inputs[1])
    mode = str(node.attributes.get("mode", "constant"))
    fill = float(program.array(node.inputs[2]).reshape(())) if node.has(2) else 0.0
    if node.has(3) or min(pads) < 0 or mode not in ("constant", "reflect") or fill:
        raise _no_form(node, f"a padding of mode {mode} by {pads}")
    rank = len(x.shape)
    pairs = program.constant("pads", np.asarray([(pads[a], pads[a + rank]) for a in x.order], np.int32))
    made = program.output(node, last=x.last)
    schema = program.model.schema
    if mode == "reflect":
        program.model.operator("MIRROR_PAD", (x.tensor, pairs), (made.tensor,), schema.MirrorPadOptionsT())
    else:
        program.model.operator("PAD", (x.tensor, pairs), (made.tensor,), schema.PadOptionsT())


def _leaky_relu(program: Program, node: OnnxNode) -> None:
    x = program.value(node.inputs[0])
    options = program.model.schema.LeakyReluOptionsT()
    options.alpha = node.real("alpha", 0.01)
    program.model.operator("LEAKY_RELU", (x.tensor,), (program.output(node, last=x.last).tensor,), options)


def _clip(program: Program, node: OnnxNode) -> None:
    """The larger of x and the least, then the smaller of that and the most."""
    x = program.value(node.inputs[0])
    given = [("MAXIMUM", 1), ("MINIMUM", 2)]
    steps = [(kind, index) for kind, index in given if node.has(index)]
    for kind, index in steps:
        last_step = (kind, index) == steps[-1]
        made = (
            program.output(node, last=x.last) if last_step else program.new(node.name + "/least", x.shape, last=x.last)
        )
        limit = program.number(float(program.array(node.inputs[index]).reshape(())))
        options = program.model.schema.MaximumMinimumOptionsT()
        program.model.operator(kind, (x.tensor, limit), (made.tensor,), options)
        x = made
    if not steps:
        program.values[node.outputs[0]] = x


def _identity(program: Program, node: OnnxNode) -> None:
    program.values[node.outputs[0]] = program.value(node.inputs[0])


def _no_form(node: OnnxNode, what: str) -> InputError:
    return InputError(f"{node.name}: no form of {what} is known for LiteRT: leave litert out of --to")


OPERATORS: dict[str, Callable[[Program, OnnxNode], None]] = {
    "Abs": _unary("ABS"),
    "Add": _binary("ADD", "Add"),
    "Clip": _clip,
    "Concat": _concat,
    "Conv": conv,
    "DepthToSpace": depth_to_space,
    "DequantizeLinear": restore,
    "Div": _binary("DIV", "Div"),
    "Exp": _unary("EXP"),
    "Gelu": _gelu,
    "Identity": _identity,
    "LeakyRelu": _leaky_relu,
    "MatMul": _matmul,
    "Max": _binary("MAXIMUM", "MaximumMinimum"),
    "Min": _binary("MINIMUM", "MaximumMinimum"),
    "Mul": _binary("MUL", "Mul"),
    "Neg": _unary("NEG"),
    "Pad": _pad,
    "QuantizeLinear": quantize,
    "ReduceL2": _reduce_l2,
    "ReduceMax": _reduce("REDUCE_MAX"),
    "ReduceMean": _reduce("MEAN"),
    "ReduceMin": _reduce("REDUCE_MIN"),
    "ReduceSum": _reduce("SUM"),
    "Relu": _unary("RELU"),
    "Reshape": _reshape,
    "Sigmoid": _unary("LOGISTIC"),
    "Slice": _slice,
    "Softmax": _softmax,
    "Split": _split,
    "Sqrt": _unary("SQRT"),
    "Sub": _binary("SUB", "Sub"),
    "Tanh": _unary("TANH"),
    "Transpose": _transpose,
}


def require_known(graph: Graph) -> None:
    """Raise InputError naming the first operator that has no form in LiteRT here, or makes more dimensions than it
    has."""
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in graph.inferred.value_info}
    for node in graph.model.graph.node:
        if node.op_type not in OPERATORS:
            raise InputError(
                f"no form of {node.op_type} ({node.name}) is known for LiteRT: leave litert out of --to, or export the "
                "network without it"
            )
        if max((ranks.get(name, 0) for name in node.output), default=0) > MAX_RANK:
            raise InputError(
                f"{node.op_type} ({node.name}) makes {ranks[node.output[0]]} dimensions, LiteRT's delegates have "
                f"{MAX_RANK}: leave litert out of --to, or export the network without it"
            )
