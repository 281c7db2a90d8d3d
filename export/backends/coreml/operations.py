"""How each operator of our ONNX graphs is written in MIL, Core ML's language. The table at the end is all there is.

MIL's builder `mb` comes with coremltools; values are its variables. Constants arrive as NumPy arrays in the
precision of the program, shapes and axes as tuples of integers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import BackendError

if TYPE_CHECKING:
    from coremltools.converters.mil import Builder
    from coremltools.converters.mil.mil import Var

Ints = tuple[int, ...]
Constant = NDArray[np.generic] | np.generic | str
"""What a program may hold as it is: numbers, or the name of a mode."""


@dataclass(frozen=True)
class Call:
    """One ONNX node: its inputs as MIL variables (`ints` holds those that are shapes or axes, `arrays` those that are
    constants as they are stored), its attributes."""

    mb: type[Builder]
    share: Callable[[Constant], Var]  # a constant as one variable, however often it is used
    name: str
    inputs: Sequence[Var]
    ints: Sequence[Ints | None]
    arrays: Sequence[NDArray[np.generic] | None]
    attributes: Mapping[str, int | Sequence[int] | str]
    half: bool
    blockwise: bool  # iOS 18 has another operator for quantized weights

    @property
    def mb_float(self) -> type:
        """The program's type of floats."""
        return np.float16 if self.half else np.float32

    def array(self, index: int) -> NDArray[np.generic]:
        found = self.arrays[index]
        if found is None:
            raise BackendError(f"{self.name}: expected a constant, found a tensor: please report this")
        return found

    def number(self, attribute: str, default: int | None = None) -> int:
        found = self.attributes.get(attribute, default)
        assert isinstance(found, int)
        return found

    def numbers(self, attribute: str) -> Ints:
        found = self.attributes[attribute]
        assert not isinstance(found, (int, str))
        return tuple(found)

    def integers(self, index: int) -> Ints:
        found = self.ints[index]
        if found is None:
            raise BackendError(f"{self.name}: expected integers that are constant, found a tensor: please report this")
        return found


def _int32(values: int | Sequence[int]) -> NDArray[np.int32]:
    return np.asarray(values, np.int32)


def _conv(call: Call) -> Var:
    pads, strides = call.numbers("pads"), call.numbers("strides")
    top, left, bottom, right = pads
    given = {"bias": call.inputs[2]} if len(call.inputs) > 2 else {}
    return call.mb.conv(
        x=call.inputs[0],
        weight=call.inputs[1],
        pad_type=call.share("custom"),
        pad=call.share(_int32([top, bottom, left, right])),
        strides=call.share(_int32(strides)),
        dilations=call.share(_int32(call.numbers("dilations"))),
        groups=call.share(_int32(call.number("group"))),
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
            axes=call.share(_int32(call.integers(1))),
            keep_dims=call.share(np.bool_(call.number("keepdims"))),
            name=call.name,
        )

    return write


def _matmul(call: Call) -> Var:
    no = call.share(np.bool_(False))
    return call.mb.matmul(x=call.inputs[0], y=call.inputs[1], transpose_x=no, transpose_y=no, name=call.name)


def _gelu(call: Call) -> Var:
    return call.mb.gelu(x=call.inputs[0], mode=call.share("EXACT"), name=call.name)


def _reshape(call: Call) -> Var:
    return call.mb.reshape(x=call.inputs[0], shape=call.share(_int32(call.integers(1))), name=call.name)


def _transpose(call: Call) -> Var:
    return call.mb.transpose(x=call.inputs[0], perm=call.share(_int32(call.numbers("perm"))), name=call.name)


def _concat(call: Call) -> Var:
    axis, no = call.share(_int32(call.number("axis"))), call.share(np.bool_(False))
    return call.mb.concat(values=list(call.inputs), axis=axis, interleave=no, name=call.name)


def _softmax(call: Call) -> Var:
    return call.mb.softmax(x=call.inputs[0], axis=call.share(_int32(call.number("axis"))), name=call.name)


def _split(call: Call) -> Var:
    return call.mb.split(
        x=call.inputs[0],
        split_sizes=call.share(_int32(call.integers(1))),
        axis=call.share(_int32(call.number("axis"))),
        name=call.name,
    )


def _slice(call: Call) -> Var:
    """One axis from start to stop; the others keep all they have."""
    (start,), (stop,), (axis,) = (call.integers(index) for index in (1, 2, 3))
    begin, end = [0] * len(call.inputs[0].shape), list(call.inputs[0].shape)
    begin[axis], end[axis] = start, stop
    return call.mb.slice_by_index(
        x=call.inputs[0], begin=call.share(_int32(begin)), end=call.share(_int32(end)), name=call.name
    )


def _pad(call: Call) -> Var:
    """ONNX: all befores, then all afters; MIL: before and after of each axis."""
    pads = call.integers(1)
    rank = len(pads) // 2
    pairs = [side for axis in range(rank) for side in (pads[axis], pads[axis + rank])]
    zero = call.share(np.zeros((), call.inputs[0].dtype.__name__.replace("fp", "float")))
    return call.mb.pad(
        x=call.inputs[0],
        pad=call.share(_int32(pairs)),
        mode=call.share("constant"),
        constant_val=zero,
        name=call.name,
    )


def _depth_to_space(call: Call) -> Var:
    if call.attributes["mode"] != "CRD":
        raise BackendError(f"{call.name}: expected DepthToSpace of mode CRD, found {call.attributes['mode']}")
    factor = call.share(_int32(call.number("blocksize")))
    return call.mb.pixel_shuffle(x=call.inputs[0], upscale_factor=factor, name=call.name)


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
    "Mul": _binary("mul"),
    "Pad": _pad,
    "QuantizeLinear": _quantize,
    "ReduceL2": _reduce("reduce_l2_norm"),
    "ReduceMax": _reduce("reduce_max"),
    "ReduceMean": _reduce("reduce_mean"),
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
