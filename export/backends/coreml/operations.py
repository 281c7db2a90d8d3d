"""How each operator of our ONNX graphs is written in MIL, Core ML's language. The table at the end is all there is.

MIL's builder `mb` comes with coremltools; values are its variables. Constants arrive as NumPy arrays in the
precision of the program, shapes and axes as tuples of integers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from export.backends.coreml.calls import Call, Ints, int32, no_form
from export.backends.coreml.operations_of_others import OPERATORS_OF_OTHERS
from export.backends.coreml.operations_of_sampling import OPERATORS_OF_SAMPLING

if TYPE_CHECKING:
    from coremltools.converters.mil.mil import Var


_PAD_MODES = {"constant": "constant", "edge": "replicate", "reflect": "reflect"}


def _conv(call: Call) -> Var:
    pads, strides = call.numbers("pads"), call.numbers("strides")
    top, left, bottom, right = pads
    given = {"bias": call.inputs[2]} if len(call.inputs) > 2 else {}
    return call.mb.conv(
        x=call.inputs[0],
        weight=call.inputs[1],
        pad_type=call.share("custom"),
        pad=call.share(int32([top, bottom, left, right])),
        strides=call.share(int32(strides)),
        dilations=call.share(int32(call.numbers("dilations"))),
        groups=call.share(int32(call.number("group"))),
        name=call.name,
        **given,
    )


def _binary(kind: str) -> Callable[[Call], Var]:
    def write(call: Call) -> Var:
        return getattr(call.mb, kind)(x=call.inputs[0], y=call.inputs[1], name=call.name)

    return write


def _unary(kind: str) -> Callable[[Call], Var]:
    def write(call: Call) -> Var:
        return getattr(call.mb, kind)(x=call.inputs[0], name=call.name)

    return write


def _reduce(kind: str) -> Callable[[Call], Var]:
    def write(call: Call) -> Var:
        return getattr(call.mb, kind)(
            x=call.inputs[0],
            axes=call.share(int32(call.integers(1))),
            keep_dims=call.share(np.bool_(call.number("keepdims"))),
            name=call.name,
        )

    return write


def _matmul(call: Call) -> Var:
    no = call.share(np.bool_(False))
    return call.mb.matmul(x=call.inputs[0], y=call.inputs[1], transpose_x=no, transpose_y=no, name=call.name)


def _gelu(call: Call) -> Var:
    mode = "TANH_APPROXIMATION" if call.attributes.get("approximate") == "tanh" else "EXACT"
    return call.mb.gelu(x=call.inputs[0], mode=call.share(mode), name=call.name)


def _reshape(call: Call) -> Var:
    return call.mb.reshape(x=call.inputs[0], shape=call.share(int32(call.integers(1))), name=call.name)


def _transpose(call: Call) -> Var:
    return call.mb.transpose(x=call.inputs[0], perm=call.share(int32(call.numbers("perm"))), name=call.name)


def _concat(call: Call) -> Var:
    axis, no = call.share(int32(call.number("axis"))), call.share(np.bool_(False))
    return call.mb.concat(values=list(call.inputs), axis=axis, interleave=no, name=call.name)


def _softmax(call: Call) -> Var:
    return call.mb.softmax(x=call.inputs[0], axis=call.share(int32(call.number("axis"))), name=call.name)


def _split(call: Call) -> Var:
    return call.mb.split(
        x=call.inputs[0],
        split_sizes=call.share(int32(call.integers(1))),
        axis=call.share(int32(call.number("axis"))),
        name=call.name,
    )


def _slice(call: Call) -> Var:
    """Axes from start to stop, one by one; the others keep all they have. What runs backwards is cut forwards, then
    turned round."""
    shape = call.inputs[0].shape
    begin, end, stride = [0] * len(shape), list(shape), [1] * len(shape)
    turned: list[int] = []
    axes = call.integers(3) if len(call.inputs) > 3 and call.ints[3] is not None else range(len(call.integers(1)))
    steps = call.integers(4) if len(call.inputs) > 4 else [1] * len(axes)
    for start, stop, axis, step in zip(call.integers(1), call.integers(2), axes, steps, strict=True):
        places = range(shape[axis])[start:stop:step]
        if not places:
            raise no_form(call, f"a slice of axis {axis} that leaves nothing")
        if step < 0:
            turned.append(axis)
        low, high = sorted((places[0], places[-1]))
        begin[axis], end[axis], stride[axis] = low, high + 1 if step < 0 else places.stop, abs(step)
    given = {} if set(stride) == {1} else {"stride": call.share(int32(stride))}
    name = f"{call.name}_cut" if turned else call.name
    sides = {"begin": call.share(int32(begin)), "end": call.share(int32(end))}
    cut = call.mb.slice_by_index(x=call.inputs[0], name=name, **sides, **given)
    return call.mb.reverse(x=cut, axes=call.share(int32(turned)), name=call.name) if turned else cut


def _pad(call: Call) -> Var:
    """ONNX: all befores, then all afters; MIL: before and after of each axis, in a picture of its last two alone."""
    pads, mode = call.integers(1), str(call.attributes.get("mode", "constant"))
    rank = len(pads) // 2
    pairs = [side for axis in range(rank) for side in (pads[axis], pads[axis + rank])]
    if not any(pairs):
        return call.mb.identity(x=call.inputs[0], name=call.name)
    if min(pairs) < 0:
        return _cut(call, pads)
    if len(call.inputs) > 3 or mode not in _PAD_MODES or (mode != "constant" and any(pairs[:-4])):
        raise no_form(call, f"a padding of mode {mode} by {pads}")
    value = call.array(2) if len(call.inputs) > 2 and call.arrays[2] is not None else np.zeros(())
    return call.mb.pad(
        x=call.inputs[0],
        pad=call.share(int32(pairs if mode == "constant" else pairs[-4:])),
        mode=call.share(_PAD_MODES[mode]),
        constant_val=call.share(np.asarray(value, call.inputs[0].dtype.__name__.replace("fp", "float")).reshape(())),
        name=call.name,
    )


def _cut(call: Call, pads: Ints) -> Var:
    """A padding of less than nothing, on any side, and of nothing more on the others."""
    if max(pads) > 0:
        raise no_form(call, f"a padding by {pads}")
    shape, rank = call.inputs[0].shape, len(pads) // 2
    begin = [-before for before in pads[:rank]]
    end = [side + after for side, after in zip(shape, pads[rank:], strict=True)]
    return call.mb.slice_by_index(
        x=call.inputs[0], begin=call.share(int32(begin)), end=call.share(int32(end)), name=call.name
    )


def _depth_to_space(call: Call) -> Var:
    """Of mode CRD as PyTorch's pixel shuffle, of DCR (what ONNX means where no mode is said) as TensorFlow's."""
    factor = call.share(int32(call.number("blocksize")))
    if call.attributes.get("mode", "DCR") == "CRD":
        return call.mb.pixel_shuffle(x=call.inputs[0], upscale_factor=factor, name=call.name)
    return call.mb.depth_to_space(x=call.inputs[0], block_size=factor, name=call.name)


def _quantize(call: Call) -> Var:
    """round(x / scale) + zero_point, one scale for the whole tensor."""
    zero = call.array(2)
    return call.mb.quantize(
        input=call.inputs[0],
        zero_point=call.share(zero),
        scale=call.inputs[1],
        output_dtype=call.share(str(zero.dtype)),
        name=call.name,
    )


def _dequantize(call: Call) -> Var:
    """Of activations, of int8 weights with a scale for each output channel, or of a bias (int32: kept as floats)."""
    data = call.arrays[0]
    if data is None:
        zero_point = call.share(call.array(2))
        return call.mb.dequantize(input=call.inputs[0], zero_point=zero_point, scale=call.inputs[1], name=call.name)
    if data.dtype == np.int32:
        return call.share((data.astype(np.float64) * call.array(1).astype(np.float64)).astype(call.mb_float))
    axis = call.number("axis", 1)
    if call.blockwise:
        return _blockwise(call, axis)
    scale, zero = call.array(1), call.array(2)
    return call.mb.constexpr_affine_dequantize(
        quantized_data=data,
        zero_point=np.broadcast_to(zero, scale.shape).copy(),
        scale=scale.astype(call.mb_float),
        axis=np.int32(axis),
        name=call.name,
    )


def _blockwise(call: Call, axis: int) -> Var:
    """The same, scale and zero point with the rank of the weights; without a zero point where all are zero."""
    data, scale, zero = (call.array(index) for index in range(3))
    shape = [size if i == axis and scale.ndim else 1 for i, size in enumerate(data.shape)]
    given = {"offset": np.broadcast_to(zero, scale.shape).reshape(shape).copy()} if np.any(zero) else {}
    return call.mb.constexpr_blockwise_shift_scale(
        data=data, scale=scale.astype(call.mb_float).reshape(shape), name=call.name, **given
    )


OPERATORS: dict[str, Callable[[Call], Var]] = {
    **OPERATORS_OF_OTHERS,
    **OPERATORS_OF_SAMPLING,
    "Abs": _unary("abs"),
    "Add": _binary("add"),
    "Concat": _concat,
    "Conv": _conv,
    "DepthToSpace": _depth_to_space,
    "DequantizeLinear": _dequantize,
    "Div": _binary("real_div"),
    "Gelu": _gelu,
    "MatMul": _matmul,
    "Max": _binary("maximum"),
    "Min": _binary("minimum"),
    "Mul": _binary("mul"),
    "Pad": _pad,
    "QuantizeLinear": _quantize,
    "ReduceL2": _reduce("reduce_l2_norm"),
    "ReduceMax": _reduce("reduce_max"),
    "ReduceMean": _reduce("reduce_mean"),
    "ReduceMin": _reduce("reduce_min"),
    "ReduceSum": _reduce("reduce_sum"),
    "Relu": _unary("relu"),
    "Reshape": _reshape,
    "Sigmoid": _unary("sigmoid"),
    "Slice": _slice,
    "Softmax": _softmax,
    "Split": _split,
    "Sqrt": _unary("sqrt"),
    "Sub": _binary("sub"),
    "Transpose": _transpose,
}
