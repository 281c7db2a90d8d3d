"""Operators of ONNX that DLGSANet does without and other super-resolution networks have, in MIL."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from export.backends.coreml.calls import Call, int32, no_form

if TYPE_CHECKING:
    from coremltools.converters.mil.mil import Var


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


def _over_pixels(kind: str) -> Callable[[Call], Var]:
    def write(call: Call) -> Var:
        yes = call.share(np.bool_(True))
        return getattr(call.mb, kind)(x=call.inputs[0], axes=call.share(int32([2, 3])), keep_dims=yes, name=call.name)

    return write


def _pow(call: Call) -> Var:
    """A lone exponent, which has an operator of its own where it is 2 or 1/2."""
    exponent = call.array(1)
    if exponent.size == 1 and float(exponent.reshape(())) in (2.0, 0.5):
        own = call.mb.square if float(exponent.reshape(())) == 2 else call.mb.sqrt
        return own(x=call.inputs[0], name=call.name)
    return call.mb.pow(x=call.inputs[0], y=call.inputs[1], name=call.name)


def _mish(call: Call) -> Var:
    """x tanh(log(1 + exp(x)))."""
    grown = call.mb.softplus(x=call.inputs[0], name=f"{call.name}_softplus")
    share = call.mb.tanh(x=grown, name=f"{call.name}_tanh")
    return call.mb.mul(x=call.inputs[0], y=share, name=call.name)


def _reciprocal(call: Call) -> Var:
    return call.mb.real_div(x=call.share(np.asarray(1, call.mb_float)), y=call.inputs[0], name=call.name)


def _instance_norm(call: Call) -> Var:
    return call.mb.instance_norm(
        x=call.inputs[0],
        gamma=call.inputs[1],
        beta=call.inputs[2],
        epsilon=_real(call, "epsilon", 1e-5),
        name=call.name,
    )


def _group_norm(call: Call) -> Var:
    """Groups as the channels of an instance norm, then scale and shift of each channel."""
    shape, groups = call.inputs[0].shape, call.number("num_groups")
    if call.array(1).size != shape[1]:
        raise no_form(call, f"a group norm with {call.array(1).size} scales for {shape[1]} channels")
    last = shape[-1] if len(shape) > 2 else 1
    apart = call.share(int32([shape[0], groups, prod(shape[1:]) // (groups * last), last]))
    grouped = call.mb.reshape(x=call.inputs[0], shape=apart, name=f"{call.name}_groups")
    even = call.mb.instance_norm(x=grouped, epsilon=_real(call, "epsilon", 1e-5), name=f"{call.name}_even")
    whole = call.mb.reshape(x=even, shape=call.share(int32(shape)), name=f"{call.name}_whole")
    column = (1, shape[1], *[1] * (len(shape) - 2))
    scale, shift = (
        call.share(values.reshape(column).astype(call.mb_float)) for values in (call.array(1), call.array(2))
    )
    grown = call.mb.mul(x=whole, y=scale, name=f"{call.name}_scaled")
    return call.mb.add(x=grown, y=shift, name=call.name)


def _identity(call: Call) -> Var:
    return call.mb.identity(x=call.inputs[0], name=call.name)


def _real(call: Call, attribute: str, default: float) -> Var:
    return call.share(np.asarray(call.real(attribute, default), call.mb_float))


def _unary(kind: str) -> Callable[[Call], Var]:
    return lambda call: getattr(call.mb, kind)(x=call.inputs[0], name=call.name)


OPERATORS_OF_OTHERS: dict[str, Callable[[Call], Var]] = {
    "Clip": _clip,
    "Cos": _unary("cos"),
    "Elu": _elu,
    "Erf": _unary("erf"),
    "Exp": _unary("exp"),
    "GlobalAveragePool": _over_pixels("reduce_mean"),
    "GlobalMaxPool": _over_pixels("reduce_max"),
    "GroupNormalization": _group_norm,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_swish,
    "Identity": _identity,
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": _leaky_relu,
    "Mish": _mish,
    "Neg": _neg,
    "PRelu": _prelu,
    "Pow": _pow,
    "Reciprocal": _reciprocal,
    "Sin": _unary("sin"),
    "Softplus": _unary("softplus"),
    "Softsign": _unary("softsign"),
    "Sum": _sum,
    "Tanh": _unary("tanh"),
}
