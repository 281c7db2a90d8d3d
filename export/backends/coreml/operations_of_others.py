"""Operators of ONNX that DLGSANet does without and other super-resolution networks have, in MIL."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import InputError
from export.backends.coreml.calls import Call, int32

if TYPE_CHECKING:
    from coremltools.converters.mil.mil import Var

_NEAREST, _LINEAR = "nearest", "linear"


def _leaky_relu(call: Call) -> Var:
    return call.mb.leaky_relu(x=call.inputs[0], alpha=_real(call, "alpha", 0.01), name=call.name)


def _elu(call: Call) -> Var:
    return call.mb.elu(x=call.inputs[0], alpha=_real(call, "alpha", 1.0), name=call.name)


def _prelu(call: Call) -> Var:
    """One slope for each channel, or one for all: MIL wants a vector."""
    slopes = call.array(1).reshape(-1)
    channels = int(call.inputs[0].shape[1])
    whole: NDArray[np.generic] = np.broadcast_to(slopes, channels).astype(call.mb_float)
    return call.mb.prelu(x=call.inputs[0], alpha=call.share(whole), name=call.name)


def _hard_swish(call: Call) -> Var:
    """x min(max(x / 6 + 1/2, 0), 1)."""
    sixth, half = (call.share(np.asarray(value, call.mb_float)) for value in (1 / 6, 0.5))
    gate = call.mb.sigmoid_hard(x=call.inputs[0], alpha=sixth, beta=half, name=f"{call.name}_gate")
    return call.mb.mul(x=call.inputs[0], y=gate, name=call.name)


def _hard_sigmoid(call: Call) -> Var:
    alpha, beta = _real(call, "alpha", 0.2), _real(call, "beta", 0.5)
    return call.mb.sigmoid_hard(x=call.inputs[0], alpha=alpha, beta=beta, name=call.name)


def _clip(call: Call) -> Var:
    """Bounds are constants; one that is not there is the type's own."""
    most = float(np.finfo(call.mb_float).max)
    low, high = (
        float(call.array(at)) if len(call.inputs) > at and call.arrays[at] is not None else bound
        for at, bound in ((1, -most), (2, most))
    )
    alpha, beta = (call.share(np.asarray(value, call.mb_float)) for value in (low, high))
    return call.mb.clip(x=call.inputs[0], alpha=alpha, beta=beta, name=call.name)


def _neg(call: Call) -> Var:
    return call.mb.mul(x=call.inputs[0], y=call.share(np.asarray(-1, call.mb_float)), name=call.name)


def _sum(call: Call) -> Var:
    """One after the other, as ONNX has it."""
    first, *others = call.inputs
    named = [f"{call.name}_{at}" for at in range(len(others) - 1)] + [call.name]
    return reduce(lambda x, it: call.mb.add(x=x, y=it[0], name=it[1]), zip(others, named, strict=True), first)


def _layer_norm(call: Call) -> Var:
    """Over the axes from `axis` on, with scale and shift."""
    axis, rank = call.number("axis", -1), len(call.inputs[0].shape)
    axes = list(range(axis % rank, rank))
    given = {"beta": call.inputs[2]} if len(call.inputs) > 2 else {}
    return call.mb.layer_norm(
        x=call.inputs[0],
        axes=call.share(int32(axes)),
        gamma=call.inputs[1],
        epsilon=_real(call, "epsilon", 1e-5),
        name=call.name,
        **given,
    )


def _global_average(call: Call) -> Var:
    yes = call.share(np.bool_(True))
    return call.mb.reduce_mean(x=call.inputs[0], axes=call.share(int32([2, 3])), keep_dims=yes, name=call.name)


def _resize(call: Call) -> Var:
    """By whole factors: nearest as pixels repeated, linear with pixels' centres at their halves."""
    factors = _factors(call)
    mode, places = call.attributes.get("mode", _NEAREST), call.attributes.get("coordinate_transformation_mode")
    sides = {"scale_factor_height": call.share(int32(factors[0])), "scale_factor_width": call.share(int32(factors[1]))}
    if mode == _NEAREST and places in ("asymmetric", "half_pixel", "pytorch_half_pixel", None):
        # of a whole factor all three mean the same, but for how `asymmetric` rounds
        if places == "asymmetric" and call.attributes.get("nearest_mode") != "floor":
            raise _no_form(call, "a nearest resize that rounds otherwise than down")
        return call.mb.upsample_nearest_neighbor(x=call.inputs[0], name=call.name, **sides)
    if mode == _LINEAR and places in ("half_pixel", "pytorch_half_pixel", None):
        no = call.share(np.bool_(False))
        return call.mb.upsample_bilinear(x=call.inputs[0], align_corners=no, name=call.name, **sides)
    raise _no_form(call, f"a resize of mode {mode}, {places}")


def _factors(call: Call) -> tuple[int, int]:
    """Of height and width, from the output's size or from the scales."""
    before = call.inputs[0].shape
    if len(call.inputs) > 3 and call.ints[3] is not None:
        sizes = [after / old for after, old in zip(call.integers(3), before, strict=True)]
    else:
        sizes = [float(value) for value in call.array(2)]
    if len(sizes) != 4 or sizes[:2] != [1, 1] or any(size < 1 or size != int(size) for size in sizes[2:]):
        raise _no_form(call, f"a resize by {sizes}")
    return int(sizes[2]), int(sizes[3])


def _no_form(call: Call, what: str) -> InputError:
    return InputError(f"{call.name}: no form of {what} is known for Core ML: leave coreml out of --to")


def _real(call: Call, attribute: str, default: float) -> Var:
    return call.share(np.asarray(call.real(attribute, default), call.mb_float))


def _unary(kind: str) -> Callable[[Call], Var]:
    return lambda call: getattr(call.mb, kind)(x=call.inputs[0], name=call.name)


OPERATORS_OF_OTHERS: dict[str, Callable[[Call], Var]] = {
    "Clip": _clip,
    "Elu": _elu,
    "Erf": _unary("erf"),
    "Exp": _unary("exp"),
    "GlobalAveragePool": _global_average,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_swish,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": _leaky_relu,
    "Neg": _neg,
    "PRelu": _prelu,
    "Resize": _resize,
    "Sum": _sum,
    "Tanh": _unary("tanh"),
}
