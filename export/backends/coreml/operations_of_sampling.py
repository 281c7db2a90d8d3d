"""Operators that change how many pixels there are, in MIL: pools, transposed convolutions, resizes, gathers, tiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from export.backends.coreml.calls import Call, int32, no_form

if TYPE_CHECKING:
    from coremltools.converters.mil.mil import Var

_NEAREST, _LINEAR = "nearest", "linear"
_CENTRES = ("half_pixel", "pytorch_half_pixel", None)  # the same where a picture has more than one pixel


def _max_pool(call: Call) -> Var:
    return call.mb.max_pool(x=call.inputs[0], name=call.name, **_window(call))


def _average_pool(call: Call) -> Var:
    alone = call.share(np.bool_(not call.number("count_include_pad", 0)))
    return call.mb.avg_pool(x=call.inputs[0], exclude_padding_from_average=alone, name=call.name, **_window(call))


def _window(call: Call) -> dict[str, Var]:
    """Where the kernel stands, always inside the padded picture."""
    kernel = call.numbers("kernel_shape")
    strides = call.numbers("strides", (1, 1))
    top, left, bottom, right = call.numbers("pads", (0, 0, 0, 0))
    sides = (call.inputs[0].shape[2] + top + bottom, call.inputs[0].shape[3] + left + right)
    left_over = [(side - size) % stride for side, size, stride in zip(sides, kernel, strides, strict=True)]
    if call.number("ceil_mode", 0) and any(left_over):
        raise no_form(call, "a pooling that looks past its picture (ceil_mode)")
    if set(call.numbers("dilations", (1, 1))) != {1} or call.attributes.get("auto_pad", "NOTSET") != "NOTSET":
        raise no_form(call, "a pooling with dilations or automatic padding")
    return {
        "kernel_sizes": call.share(int32(kernel)),
        "strides": call.share(int32(strides)),
        "pad_type": call.share("custom"),
        "pad": call.share(int32([top, bottom, left, right])),
        "ceil_mode": call.share(np.bool_(False)),
    }


def _transposed_conv(call: Call) -> Var:
    """The output's size is what ONNX makes of strides, padding and kernel."""
    x, weight = call.inputs[0].shape, call.array(1)
    strides, dilations = call.numbers("strides", (1, 1)), call.numbers("dilations", (1, 1))
    pads, more = call.numbers("pads", (0, 0, 0, 0)), call.numbers("output_padding", (0, 0))
    if call.attributes.get("auto_pad", "NOTSET") != "NOTSET" or "output_shape" in call.attributes or any(more):
        raise no_form(call, "a transposed convolution whose size is said otherwise than by its pads")
    groups = call.number("group", 1)
    sides = [
        strides[at] * (x[2 + at] - 1) + dilations[at] * (weight.shape[2 + at] - 1) + 1 - pads[at] - pads[2 + at]
        for at in (0, 1)
    ]
    given = {"bias": call.inputs[2]} if len(call.inputs) > 2 else {}
    return call.mb.conv_transpose(
        x=call.inputs[0],
        weight=call.inputs[1],
        pad_type=call.share("custom"),
        pad=call.share(int32([pads[0], pads[2], pads[1], pads[3]])),
        output_shape=call.share(int32([x[0], weight.shape[1] * groups, *sides])),
        strides=call.share(int32(strides)),
        dilations=call.share(int32(dilations)),
        groups=call.share(int32(groups)),
        name=call.name,
        **given,
    )


def _resize(call: Call) -> Var:
    """By whole factors: nearest as pixels repeated, linear with pixels' centres at their halves. Any other one is a
    product with a matrix for each axis."""
    factors = _whole_factors(call)
    mode, places = call.attributes.get("mode", _NEAREST), call.attributes.get("coordinate_transformation_mode")
    if factors is None:
        return _by_matrices(call)
    sides = {"scale_factor_height": call.share(int32(factors[0])), "scale_factor_width": call.share(int32(factors[1]))}
    rounded = str(call.attributes.get("nearest_mode", "round_prefer_floor"))
    nearest = rounded == "floor" if places == "asymmetric" else places in _CENTRES and rounded.startswith("round")
    if mode == _NEAREST and nearest:
        return call.mb.upsample_nearest_neighbor(x=call.inputs[0], name=call.name, **sides)
    if mode == _LINEAR and places in _CENTRES:
        no = call.share(np.bool_(False))
        return call.mb.upsample_bilinear(x=call.inputs[0], align_corners=no, name=call.name, **sides)
    return _by_matrices(call)


def _whole_factors(call: Call) -> tuple[int, int] | None:
    """Of height and width, from the output's size or from the scales."""
    before = call.inputs[0].shape
    if len(call.inputs) > 3 and call.ints[3] is not None:
        sizes = [after / old for after, old in zip(call.integers(3), before, strict=True)]
    else:
        sizes = [float(value) for value in call.array(2)]
    if len(sizes) != 4 or sizes[:2] != [1, 1]:
        raise no_form(call, f"a resize by {sizes}")
    if any(size < 1 or size != int(size) for size in sizes[2:]):
        return None
    return int(sizes[2]), int(sizes[3])


def _by_matrices(call: Call) -> Var:
    """Every resize mixes rows with rows and columns with columns, by numbers that are constants of the size."""
    rows, cols = (call.share(_mixed(call, axis).astype(call.mb_float)) for axis in (2, 3))
    no, yes = call.share(np.bool_(False)), call.share(np.bool_(True))
    wide = call.mb.matmul(x=call.inputs[0], y=cols, transpose_x=no, transpose_y=yes, name=f"{call.name}_columns")
    return call.mb.matmul(x=rows, y=wide, transpose_x=no, transpose_y=no, name=call.name)


def _mixed(call: Call, axis: int) -> NDArray[np.float32]:
    """(1, 1, after, before): what the resize makes of each pixel of an axis, by onnx's own evaluator."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    before = call.inputs[0].shape[axis]
    if len(call.inputs) > 3 and call.ints[3] is not None:
        names, feed = ["x", "", "", "sizes"], {"sizes": np.asarray([call.integers(3)[axis], before])}
    else:
        names, feed = ["x", "", "scales"], {"scales": np.asarray([call.array(2)[axis], 1], np.float32)}
    node = helper.make_node("Resize", names, ["y"], **call.attributes)
    found = ReferenceEvaluator(node).run(None, {"x": np.eye(before, dtype=np.float32), **feed})[0]
    return np.asarray(found, np.float32)[None, None]


def _gather(call: Call) -> Var:
    """Along one axis: a single place is a slice."""
    axis, places = call.number("axis", 0), call.array(1).astype(np.int64)
    shape = call.inputs[0].shape
    axis %= len(shape)
    places = np.where(places < 0, places + shape[axis], places)
    if places.ndim == 0:
        begin, end, mask = [0] * len(shape), list(shape), [False] * len(shape)
        begin[axis], end[axis], mask[axis] = int(places), int(places) + 1, True
        return call.mb.slice_by_index(
            x=call.inputs[0],
            begin=call.share(int32(begin)),
            end=call.share(int32(end)),
            squeeze_mask=call.share(np.asarray(mask)),
            name=call.name,
        )
    if places.ndim > 1:
        raise no_form(call, "a table of places")
    return call.mb.gather(
        x=call.inputs[0], indices=call.share(places.astype(np.int32)), axis=call.share(int32(axis)), name=call.name
    )


def _tile(call: Call) -> Var:
    return call.mb.tile(x=call.inputs[0], reps=call.share(int32(call.integers(1))), name=call.name)


def _space_to_depth(call: Call) -> Var:
    """Of ONNX's one order, in which the places of a block stand before the channels."""
    factor = call.share(int32(call.number("blocksize")))
    return call.mb.space_to_depth(x=call.inputs[0], block_size=factor, name=call.name)


OPERATORS_OF_SAMPLING: dict[str, Callable[[Call], Var]] = {
    "AveragePool": _average_pool,
    "ConvTranspose": _transposed_conv,
    "Gather": _gather,
    "MaxPool": _max_pool,
    "Resize": _resize,
    "SpaceToDepth": _space_to_depth,
    "Tile": _tile,
}
