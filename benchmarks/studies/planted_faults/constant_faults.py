"""Faults of a file's constants: weights, biases, scales, ranges, temperatures. The graph stays as it is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.studies.planted_faults.fault import (
    Changed,
    ConstantFault,
    Contents,
    Convolution,
    Stored,
    Values,
)

FIRST, LAST = 0, -1
EARLY, LATE = 0.2, 0.8
"""Convolutions by their place among all, from the first to the last."""

Edit = Callable[[Contents], Changed | None]
Change = Callable[[Values], Values]


def _at(contents: Contents, place: float) -> Convolution:
    known = contents.convolutions
    return known[int(place)] if place in (FIRST, LAST) else known[int(place * len(known))]


def _wide(contents: Contents, place: float) -> Convolution:
    """The next dense convolution from a place on: several inputs a filter, at least eight filters."""
    known = contents.convolutions
    start = int(place * len(known))
    return next(it for it in known[start:] if it.weight.values.shape[0] >= 8 and it.weight.values.shape[1] >= 8)


def _floats(convolution: Convolution) -> tuple[Stored, ...]:
    """What multiplies the weights: themselves, or their scales, or the values of their palette."""
    return (convolution.weight,) if convolution.weight.is_float else convolution.factors


def _scaled(convolution: Convolution, factor: float) -> Changed:
    return {it.key: it.values * np.asarray(factor, it.values.dtype) for it in _floats(convolution)}


def _filters_moved(convolution: Convolution, change: Change) -> Changed:
    """Filters in other places, their scales with them."""
    count = convolution.weight.values.shape[0]
    scales = {it.key: change(it.values) for it in convolution.factors if it.values.shape[:1] == (count,)}
    return {convolution.weight.key: change(convolution.weight.values), **scales}


def _gain(place: float, factor: float) -> Edit:
    return lambda contents: _scaled(_at(contents, place), factor)


def _wide_gain(place: float, factor: float) -> Edit:
    return lambda contents: _scaled(_wide(contents, place), factor)


def _moved(place: float, change: Change) -> Edit:
    return lambda contents: _filters_moved(_at(contents, place), change)


def _wide_moved(place: float, change: Change) -> Edit:
    return lambda contents: _filters_moved(_wide(contents, place), change)


def _kernels(place: float, change: Change) -> Edit:
    def edit(contents: Contents) -> Changed:
        weight = _at(contents, place).weight
        return {weight.key: change(weight.values)}

    return edit


def _exchanged(values: Values) -> Values:
    held = values.copy()
    held[[0, 5]] = held[[5, 0]]
    return held


def _repeated(values: Values) -> Values:
    held = values.copy()
    held[3] = held[4]
    return held


def _backwards(values: Values) -> Values:
    return values[::-1].copy()


def _turned(values: Values) -> Values:
    return values.swapaxes(-1, -2).copy()


def _reversed_kernel(values: Values) -> Values:
    return values[..., ::-1].copy()


def _coarse(stored: Stored, bits: int) -> Values:
    steps = 2.0 ** (bits - 1) - 1
    values = stored.values.astype(np.float64)
    most = max(float(np.abs(values).max()), 1e-12) if stored.is_float else 127.0
    return np.rint(values / most * steps) / steps * most


def _in_bits(bits: int, chosen: Callable[[Contents], tuple[Convolution, ...]]) -> Edit:
    """Weights (of a palette its values) on a grid of so many bits."""

    def edit(contents: Contents) -> Changed:
        held = (it.weight if it.weight.is_float or _is_scaled(it) else it.factors[0] for it in chosen(contents))
        return {it.key: _coarse(it, bits) for it in held}

    return edit


def _is_scaled(convolution: Convolution) -> bool:
    """Integers with a scale, and no palette's indices."""
    return convolution.weight.values.dtype.kind == "i"


def _dots(contents: Contents) -> Changed | None:
    """One bias of the last convolution: one phase of one colour."""
    bias = contents.convolutions[LAST].bias
    if bias is None:
        return None
    held = bias.values.copy()
    held[2 * held.size // 3 + 1] += np.asarray(17 / 255, held.dtype)
    return {bias.key: held}


def _last_bias(change: Change) -> Edit:
    def edit(contents: Contents) -> Changed | None:
        found = contents.convolutions[LAST].bias
        return None if found is None else {found.key: change(found.values)}

    return edit


def _middle_bias(change: Change) -> Edit:
    """The first bias in the second half."""

    def edit(contents: Contents) -> Changed | None:
        known = contents.convolutions[len(contents.convolutions) // 2 : LAST]
        found = next((it.bias for it in known if it.bias is not None), None)
        return None if found is None else {found.key: change(found.values)}

    return edit


def _each_scale(change: Change) -> Edit:
    """Scales of integer weights, one for each filter, of every convolution."""

    def edit(contents: Contents) -> Changed | None:
        scales = [it.factors[0] for it in contents.convolutions if it.factors and _is_scaled(it)]
        found = {it.key: change(it.values) for it in scales if it.values.size > 1}
        return found or None

    return edit


def _ranges(factor: float, part: slice) -> Edit:
    """Ranges of quantized inputs: all, or those of some convolutions."""

    def edit(contents: Contents) -> Changed | None:
        held = [it.ranges for it in contents.convolutions if it.ranges]
        found = {it.key: it.values * np.asarray(factor, it.values.dtype) for each in held[part] for it in each}
        return found or None

    return edit


def _temperatures(change: Change) -> Edit:
    """One number for each head (or each channel of it): constants with one axis that is not 1."""

    def edit(contents: Contents) -> Changed | None:
        held = [it for it in contents.floats if it.values.ndim == 3 and max(it.values.shape) == it.values.size]
        return {it.key: change(it.values) for it in held} or None

    return edit


def _mean_colour(change: Change) -> Edit:
    def edit(contents: Contents) -> Changed | None:
        held = next((it for it in contents.floats if it.values.shape == (1, 3, 1, 1)), None)
        return None if held is None else {held.key: change(held.values)}

    return edit


def _all(contents: Contents) -> tuple[Convolution, ...]:
    return contents.convolutions


def _one(place: float) -> Callable[[Contents], tuple[Convolution, ...]]:
    return lambda contents: (_at(contents, place),)


def _wide_one(place: float) -> Callable[[Contents], tuple[Convolution, ...]]:
    return lambda contents: (_wide(contents, place),)


def _ones(values: Values) -> Values:
    return np.ones_like(values)


def _mean_of_all(values: Values) -> Values:
    return np.full_like(values, values.mean())


def _rolled(values: Values) -> Values:
    return np.roll(values.reshape(-1), values.size // 2).reshape(values.shape)


def _zeros(values: Values) -> Values:
    return np.zeros_like(values)


def _colours_turned(values: Values) -> Values:
    return values[:, ::-1].copy()


WHOLE, ONE = slice(None), slice(4, 5)
FAULTS = (
    ConstantFault("dots by a bias", "one bias of the last convolution +17 levels", _dots),
    ConstantFault("first x 1.02", "weights of the first convolution x 1.02", _gain(FIRST, 1.02)),
    ConstantFault("last x 0.97", "weights of the last convolution x 0.97", _gain(LAST, 0.97)),
    ConstantFault("early x 1.2", "weights of an early dense convolution x 1.2", _wide_gain(EARLY, 1.2)),
    ConstantFault("late doubled", "weights of a late dense convolution doubled", _wide_gain(LATE, 2)),
    ConstantFault("late halved", "weights of a late dense convolution halved", _wide_gain(LATE, 0.5)),
    ConstantFault("sign lost", "weights of an early dense convolution x -1", _wide_gain(EARLY, -1)),
    ConstantFault("branch dropped", "a late dense convolution gives nothing: what remains is the residual",
                  _wide_gain(LATE, 0)),
    ConstantFault("filters exchanged", "two filters of the last convolution exchanged", _moved(LAST, _exchanged)),
    ConstantFault("first exchanged", "two filters of the first convolution exchanged", _moved(FIRST, _exchanged)),
    ConstantFault("early exchanged", "two filters of an early dense convolution exchanged",
                  _wide_moved(EARLY, _exchanged)),
    ConstantFault("filter repeated", "a filter of the last convolution is a copy of the next", _moved(LAST, _repeated)),
    ConstantFault("filters backwards", "filters of a late dense convolution in reverse order",
                  _wide_moved(LATE, _backwards)),
    ConstantFault("kernel turned", "kernels of the first convolution transposed", _kernels(FIRST, _turned)),
    ConstantFault("kernel mirrored", "kernels of the last convolution mirrored", _kernels(LAST, _reversed_kernel)),
    ConstantFault("first in 4 bits", "weights of the first convolution on a grid of 4 bits", _in_bits(4, _one(FIRST))),
    ConstantFault("last in 4 bits", "weights of the last convolution on a grid of 4 bits", _in_bits(4, _one(LAST))),
    ConstantFault("early in 3 bits", "weights of an early dense convolution on a grid of 3 bits",
                  _in_bits(3, _wide_one(EARLY))),
    ConstantFault("all in 4 bits", "weights of all convolutions on grids of 4 bits", _in_bits(4, _all)),
    ConstantFault("all in 6 bits", "weights of all convolutions on grids of 6 bits", _in_bits(6, _all)),
    ConstantFault("bias lost", "a bias in the middle is zero", _middle_bias(_zeros)),
    ConstantFault("last bias moved", "biases of the last convolution in other places", _last_bias(_rolled)),
    ConstantFault("scales moved", "scales of integer weights given to other filters", _each_scale(_rolled)),
    ConstantFault("one scale", "one scale for all filters in place of one each", _each_scale(_mean_of_all)),
    ConstantFault("temperatures lost", "temperatures of the attention are 1", _temperatures(_ones)),
    ConstantFault("heads exchanged", "temperatures given to other heads", _temperatures(_rolled)),
    ConstantFault("input mean lost", "the mean colour is not subtracted", _mean_colour(_zeros)),
    ConstantFault("input mean turned", "the mean colour subtracted in the wrong order", _mean_colour(_colours_turned)),
    ConstantFault("ranges halved", "ranges of all quantized inputs halved", _ranges(0.5, WHOLE)),
    ConstantFault("ranges doubled", "ranges of all quantized inputs doubled", _ranges(2, WHOLE)),
    ConstantFault("ranges x 8", "ranges of all quantized inputs eight times as wide", _ranges(8, WHOLE)),
    ConstantFault("one range halved", "the range of one quantized input halved", _ranges(0.5, ONE)),
    ConstantFault("one range x 16", "the range of one quantized input 16 times as wide", _ranges(16, ONE)),
)  # fmt: skip
