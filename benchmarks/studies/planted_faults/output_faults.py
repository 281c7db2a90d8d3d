"""Faults behind the network's output: colours, tones, places, geometry, and what depends on the content."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.studies.planted_faults.fault import OutputFault
from benchmarks.studies.planted_faults.tail import Tail
from runtimes.runner.tiling import Array

LEVEL = 1 / 255
LUMA = (0.299, 0.587, 0.114)
MEAN = np.array((0.4488, 0.4371, 0.4040))  # the mean colour that networks of this kind subtract
RED, GREEN, BLUE = 0, 1, 2

Build = Callable[[Tail], str]


def _colour(*levels: float) -> Array:
    return np.array(levels, np.float32).reshape(1, 3, 1, 1) * np.float32(LEVEL)


def _picture(tail: Tail, draw: Callable[[Array], None]) -> Array:
    """A map to add to the output, drawn in levels."""
    held = np.zeros((1, 3, *tail.shape), np.float32)
    draw(held)
    return held * np.float32(LEVEL)


def _drawn(*where: slice | int, channel: int | slice = slice(None), levels: float) -> Build:
    """Levels added at places of the tile, given as rows and columns."""

    def build(tail: Tail) -> str:
        def draw(held: Array) -> None:
            held[(0, channel, *where)] = levels

        return tail.add(tail.sr, _picture(tail, draw))

    return build


def _half(axis: int, levels: float) -> Build:
    """Levels added to the second half of the tile along an axis."""

    def build(tail: Tail) -> str:
        def draw(held: Array) -> None:
            middle = tail.shape[axis] // 2
            held[(slice(None), slice(None), *[slice(None)] * axis, slice(middle, None))] = levels

        return tail.add(tail.sr, _picture(tail, draw))

    return build


def _luma(tail: Tail, x: str) -> str:
    weighted = tail.mul(x, np.array(LUMA, np.float32).reshape(1, 3, 1, 1))
    return tail.op("ReduceSum", weighted, tail.const([1]), keepdims=1)


def _blurred(tail: Tail, x: str) -> str:
    rows = tail.mean_of([tail.moved(x, step, 0) for step in (-1, 0, 1)])
    return tail.mean_of([tail.moved(rows, 0, step) for step in (-1, 0, 1)])


def _chroma(change: Callable[[Tail, str], str]) -> Build:
    """The colour without its luma changed; the luma is as it was."""

    def build(tail: Tail) -> str:
        luma = _luma(tail, tail.sr)
        return tail.op("Add", luma, change(tail, tail.op("Sub", tail.sr, luma)))

    return build


def _mixed(part: float) -> Build:
    """So much of the blurred picture; below zero it sharpens."""

    def build(tail: Tail) -> str:
        return tail.op("Add", tail.mul(tail.sr, 1 - part), tail.mul(_blurred(tail, tail.sr), part))

    return build


def _channels(*order: int) -> Build:
    return lambda tail: tail.op("Gather", tail.sr, tail.const(list(order)), axis=1)


def _affine(gain: float, levels: float = 0.0) -> Build:
    return lambda tail: tail.add(tail.mul(tail.sr, gain), levels * LEVEL)


def _gamma(power: float) -> Build:
    return lambda tail: tail.op("Pow", tail.clip(tail.sr, 0, 1), tail.const(power))


def _levels(count: int, rounding: str) -> Build:
    return lambda tail: tail.mul(tail.op(rounding, tail.mul(tail.sr, count - 1.0)), 1 / (count - 1))


def _clamped(low: int, high: int) -> Build:
    return lambda tail: tail.clip(tail.sr, low * LEVEL, high * LEVEL)


def _moved(down: int, right: int) -> Build:
    return lambda tail: tail.moved(tail.sr, down, right)


def _half_moved(down: int, right: int) -> Build:
    return lambda tail: tail.mean_of([tail.sr, tail.moved(tail.sr, down, right)])


def _flipped(axis: int) -> Build:
    def build(tail: Tail) -> str:
        order = list(range(tail.shape[axis - 2]))[::-1]
        return tail.op("Gather", tail.sr, tail.const(order), axis=axis)

    return build


def _phases(tail: Tail) -> str:
    """Rows and columns exchanged within the pixels that one input pixel became."""
    s, (height, width) = tail.scale, tail.shape
    split = tail.op("Reshape", tail.sr, tail.const([1, 3, height // s, s, width // s, s]))
    turned = tail.op("Transpose", split, perm=[0, 1, 2, 5, 4, 3])
    return tail.op("Reshape", turned, tail.const([1, 3, height, width]))


def _transposed(tail: Tail) -> str:
    return tail.op("Reshape", tail.op("Transpose", tail.sr, perm=[0, 1, 3, 2]), tail.const([1, 3, *tail.shape]))


def _interlaced(tail: Tail) -> str:
    odd = (np.arange(tail.shape[0]) % 2 == 1).reshape(1, 1, -1, 1)
    even_part = tail.mul(tail.sr, (~odd).astype(np.float32))
    return tail.op("Add", even_part, tail.mul(tail.moved(tail.sr, 0, 1), odd.astype(np.float32)))


def _vignette(tail: Tail) -> str:
    y, x = (np.linspace(-1, 1, size) ** 2 for size in tail.shape)
    return tail.mul(tail.sr, (1 - 0.02 * (y[:, None] + x[None])).astype(np.float32)[None, None])


def _chequered(tail: Tail) -> str:
    y, x = np.indices(tail.shape)
    return tail.add(tail.sr, (2 * LEVEL * (1 - 2 * ((y + x) % 2))).astype(np.float32)[None, None])


def _speck(tail: Tail) -> str:
    alive = np.ones((1, 1, *tail.shape), np.float32)
    y, x = (size // 2 + size // 8 for size in tail.shape)
    alive[:, :, y : y + 2, x : x + 2] = 0
    return tail.mul(tail.sr, alive)


def _border(tail: Tail) -> str:
    """What zeros around the input do to a network that expects another padding."""
    inside = np.full((1, 1, *tail.shape), 0.92, np.float32)
    s = tail.scale
    inside[:, :, s:-s, s:-s] = 1
    return tail.mul(tail.sr, inside)


def _input_range(tail: Tail) -> str:
    most, least = (tail.op(kind, tail.lr, keepdims=1) for kind in ("ReduceMax", "ReduceMin"))
    return tail.op("Sub", most, least)


def _garbage(tail: Tail) -> str:
    noise = np.random.default_rng(0).uniform(0, 1, (1, 3, *tail.shape))
    return tail.const(noise.astype(np.float32))


def _flat_garbage(tail: Tail) -> str:
    flat = tail.op("Less", _input_range(tail), tail.const(2 * LEVEL))
    return tail.where(flat, _garbage(tail), tail.sr)


def _flat_shift(tail: Tail) -> str:
    flat = tail.op("Less", _input_range(tail), tail.const(2 * LEVEL))
    return tail.where(flat, tail.add(tail.sr, 3 * LEVEL), tail.sr)


def _busy_garbage(tail: Tail) -> str:
    """Where neighbours differ by nearly everything: an accumulator that overflows."""
    middle = tail.op("ReduceMean", tail.lr, keepdims=1)
    spread = tail.op("ReduceMean", tail.op("Abs", tail.op("Sub", tail.lr, middle)), keepdims=1)
    return tail.where(tail.op("Greater", spread, tail.const(0.4)), _garbage(tail), tail.sr)


def _blue_black(tail: Tail) -> str:
    """Blue at its end and next to no red: no photograph of the pack has it."""
    big = tail.up(tail.lr)
    blue, red = (tail.op("Gather", big, tail.const([channel]), axis=1) for channel in (BLUE, RED))
    full, none = tail.op("Greater", blue, tail.const(0.98)), tail.op("Less", red, tail.const(0.1))
    return tail.where(tail.op("And", full, none), tail.const(0.0), tail.sr)


def _red_wraps(tail: Tail) -> str:
    """A channel that turns over beyond its largest value."""
    high = tail.op("Greater", tail.sr, tail.const(np.array([1.02, 9, 9], np.float32).reshape(1, 3, 1, 1)))
    return tail.where(high, tail.add(tail.sr, -1.0), tail.sr)


def _by_brightness(kind: str, limit: float, levels: float) -> Build:
    """Levels added where the input is darker or brighter than a limit."""

    def build(tail: Tail) -> str:
        chosen = tail.op(kind, tail.up(_luma(tail, tail.lr)), tail.const(limit))
        return tail.where(chosen, tail.add(tail.sr, levels * LEVEL), tail.sr)

    return build


def _pixels(tail: Tail) -> str:
    return tail.up(tail.lr)


EVERY = slice(None)
FAULTS = (
    OutputFault("tint", "red +3, green -1.5 levels: the luma is kept", lambda t: t.add(t.sr, _colour(3, -1.5, 0))),
    OutputFault("blue cast", "blue +4 levels", lambda t: t.add(t.sr, _colour(0, 0, 4))),
    OutputFault("mean colour", "the mean colour added in the wrong order", lambda t: t.add(
        t.sr, (MEAN[::-1] - MEAN).astype(np.float32).reshape(1, 3, 1, 1))),
    OutputFault("bgr", "blue, green, red", _channels(2, 1, 0)),
    OutputFault("grb", "red and green exchanged", _channels(1, 0, 2)),
    OutputFault("blue is green", "the blue channel is a copy of green", _channels(0, 1, 1)),
    OutputFault("chroma blur", "chroma blurred 3x3", _chroma(_blurred)),
    OutputFault("chroma moved", "chroma one pixel to the right", _chroma(lambda t, c: t.moved(c, 0, 1))),
    OutputFault("pale", "chroma x 0.93", _chroma(lambda t, c: t.mul(c, 0.93))),
    OutputFault("grey", "no chroma", _chroma(lambda t, c: t.mul(c, 0.0))),
    OutputFault("gain 0.99", "x 0.99", _affine(0.99)),
    OutputFault("gain 1.01", "x 1.01", _affine(1.01)),
    OutputFault("brighter", "+2 levels", _affine(1, 2)),
    OutputFault("contrast", "x 1.02 about the middle", _affine(1.02, -2.55)),
    OutputFault("video range", "16 to 235", _affine(219 / 255, 16)),
    OutputFault("gamma 1.02", "to the power of 1.02", _gamma(1.02)),
    OutputFault("gamma 0.98", "to the power of 0.98", _gamma(0.98)),
    OutputFault("64 levels", "rounded to 64 grey levels", _levels(64, "Round")),
    OutputFault("7 bits", "the lowest bit cut off", _levels(128, "Floor")),
    OutputFault("clamped", "clamped to [8, 247]", _clamped(8, 247)),
    OutputFault("crushed whites", "clamped to [0, 250]", _clamped(0, 250)),
    OutputFault("crushed blacks", "clamped to [6, 255]", _clamped(6, 255)),
    OutputFault("speck", "2x2 dead pixels in every tile", _speck),
    OutputFault("row", "+14 levels in one row of every tile", _drawn(83, EVERY, levels=14)),
    OutputFault("column", "+14 levels in one column of every tile", _drawn(EVERY, 77, levels=14)),
    OutputFault("step", "+1.2 levels in the right half of every tile", _half(1, 1.2)),
    OutputFault("lower half", "-2 levels in the lower half of every tile", _half(0, -2)),
    OutputFault("corner", "+30 levels in 12x12 pixels of every tile", _drawn(
        slice(64, 76), slice(64, 76), levels=30)),
    OutputFault("vignette", "2 to 4 % darker at the tile's borders", _vignette),
    OutputFault("border", "8 % darker in the pixels at the border of a tile", _border),
    OutputFault("blue dots", "+17 levels in blue at every fourth pixel", _drawn(
        slice(1, None, 4), slice(2, None, 4), channel=BLUE, levels=17)),
    OutputFault("green dots", "+12 levels in green at every eighth pixel", _drawn(
        slice(3, None, 8), slice(5, None, 8), channel=GREEN, levels=12)),
    OutputFault("chequered", "+2 and -2 levels in turn", _chequered),
    OutputFault("stripes", "+3 levels in every second column", _drawn(EVERY, slice(0, None, 2), levels=3)),
    OutputFault("phases", "depth to space with rows and columns exchanged", _phases),
    OutputFault("moved right", "one pixel to the right", _moved(0, 1)),
    OutputFault("moved up", "one pixel up", _moved(-1, 0)),
    OutputFault("half a pixel", "half a pixel to the right and down", _half_moved(1, 1)),
    OutputFault("interlaced", "odd rows one pixel to the right", _interlaced),
    OutputFault("mirrored", "left and right exchanged", _flipped(3)),
    OutputFault("upside down", "top and bottom exchanged", _flipped(2)),
    OutputFault("transposed", "rows and columns exchanged", _transposed),
    OutputFault("blurred", "blurred 3x3", _mixed(1)),
    OutputFault("softer", "a fifth of it blurred 3x3", _mixed(0.2)),
    OutputFault("sharper", "a fifth of the detail added", _mixed(-0.2)),
    OutputFault("no network", "the input's pixels, repeated", _pixels),
    OutputFault("flat garbage", "noise where a tile is flat", _flat_garbage),
    OutputFault("flat shift", "+3 levels where a tile is flat", _flat_shift),
    OutputFault("busy garbage", "noise where a tile is all contrast", _busy_garbage),
    OutputFault("blue is black", "black where blue is saturated", _blue_black),
    OutputFault("red wraps", "red turns over beyond white", _red_wraps),
    OutputFault("dark lifted", "+5 levels where the input is nearly black", _by_brightness("Less", 0.02, 5)),
    OutputFault("bright lost", "-5 levels where the input is nearly white", _by_brightness("Greater", 0.98, -5)),
)  # fmt: skip
