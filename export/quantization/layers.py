"""Which convolutions become INT8 by their names: one choice for every backend, unless a search
(`export.quantization.layer_choice.search`) found a better; `layer_choice.on_probes` leaves some out."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import InputError

FIRST, LAST = "first_convolution", "last_convolution"  # as graphs of other families call them
ENDS = ("overlap_embed", "upsample", FIRST, LAST)
"""Parts of the names of the first and the last convolution. Beside bf16 layers they compute in fp32: the picture comes
out of the last one, and a pixel rounded to bf16 is at best 59 dB from the exact one. 3 to 5 dB to the reference for
less than 1 % of the time (all shipped networks)."""

KEPT = (*ENDS, "ffn.project_out", ".variance")
"""Parts of names of dense convolutions that stay as they are by default. The first one alone costs more than all others
together, the last one comes next, then those that read the products of the feed-forward gates, whose rare large values
widen the range (docs/studies/precision.md has the figures). Depthwise convolutions stay too."""

_TRUNK_END = re.compile(r"^deep_feature_extraction\.\d+$")
"""The 3x3 convolution behind all groups stays, too. It reads the sum of everything, which on text reaches three times
as far as on photographs: 256 steps are too narrow for the one or too coarse for the other, and only the last
convolution comes after it (docs/studies/precision.md has the figures; it costs 2 % of a tile's time)."""

RESIDUAL = ("body", "project_out")
"""Ends of the roles whose outputs are added to the residual stream. Where a convolution must answer in 8 bits (ONNX
Runtime's QLinearConv) they stay, too: the rounding of their wide range is in the picture. Drop on Set5 and worst image
of B100 for nano-x2, ranges alike: 0.041 and 0.131 dB with them, 0.016 and 0.030 without the 3x3 ones behind blocks and
groups, 0.003 and 0.019 without all. A tile took as long either way (one run beside other work)."""

NEVER = ".variance"
"""The sums of squares of the normalisations: their roots divide everything, and they are nothing to gain."""

CONV = ".Conv"  # what the exporter appends to a module's path for its convolution
_LARGEST = 127.0  # of s8, symmetric: -128 is not used
_BLOCK = re.compile(r"^deep_feature_extraction\.\d+\.body\.\d+\.")
_BODY = re.compile(r"^deep_feature_extraction\.\d+(\.body\.\d+)?$")  # the 3x3 convolutions behind blocks and groups
_SAME = (
    (re.compile(r"\.dynamic\..*"), ".dynamic"),
    (re.compile(r"(pointwise|depthwise)\.\d+"), r"\1"),
    (re.compile(r"project_in_[ab]"), "project_in"),
    (re.compile(r"dwconv_[ab]"), "dwconv"),
    (re.compile(r"^(IDynamic|restormer)_ffn"), "ffn"),
)


def is_end(name: str) -> bool:
    """Whether a convolution's or a unit's name is that of the first or the last one."""
    return any(end in name for end in ENDS)


def is_trunk_end(name: str) -> bool:
    """Whether a convolution's name is that of the one behind all groups."""
    return _TRUNK_END.match(name.removesuffix(CONV)) is not None


def as_half(weights: NDArray[np.float32]) -> NDArray[np.float16] | None:
    """Weights of an end as they are stored beside int8 ones; None where fp16 cannot hold them."""
    return weights.astype(np.float16) if np.abs(weights).max() <= np.finfo(np.float16).max else None


def rounded(weights: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Weights (O, I, H, W) as s8 values and scales (O, 1, 1, 1): values * scales is nearest to them, symmetric, with
    the largest of each channel exact."""
    scale = np.abs(weights).max(axis=(1, 2, 3), keepdims=True) / np.float32(_LARGEST)
    scale[scale == 0] = 1
    return np.rint(weights / scale).astype(np.int8), scale


def stays(name: str, *, rounded: bool) -> bool:
    """Whether the dense convolution of this name keeps its precision by default; `rounded`: it would answer in 8 bits
    in INT8."""
    unit = name.removesuffix(CONV)
    kept = any(part in name for part in KEPT) or is_trunk_end(name)
    return kept or (rounded and role(unit).endswith(RESIDUAL))


def chosen_by_default(layers: Mapping[str, bool], *, rounded: bool) -> list[str]:
    """Of convolutions by name (True: a dense one), those that become INT8; `rounded`: these answer in 8 bits. Raises
    RuntimeError when none is left."""
    chosen = [name for name, dense in layers.items() if dense and not stays(name, rounded=rounded)]
    if not chosen:
        raise RuntimeError("no dense convolution of this network can be quantized")
    return chosen


def units(layers: Iterable[str]) -> dict[str, list[str]]:
    """What a search chooses or leaves as a whole, in the order of the graph: single convolutions, and the steered ones
    of a dynamic convolution together, since they read one tensor."""
    found: dict[str, list[str]] = {}
    for name in layers:
        if NEVER not in name:
            found.setdefault(re.sub(r"\.dynamic\..*", ".dynamic", name.removesuffix(CONV)), []).append(name)
    return found


def role(unit: str) -> str:
    """What a unit does, without the number of its block: units of one role are timed together."""
    name = _BODY.sub("body", _BLOCK.sub("", unit))
    for pattern, plain in _SAME:
        name = pattern.sub(plain, name)
    return name


LOOKED_AT = 4  # tiles on which every convolution's input is looked at before calibration: each costs a run


def require_finite(limits: Mapping[str, float]) -> None:
    """Raise InputError naming the first convolution whose input or learnt range is not finite."""
    for name, value in limits.items():
        if not math.isfinite(value):
            raise InputError(
                f"expected finite numbers in calibration, found {value} at the input of {name.removesuffix(CONV)}: "
                "the weights before it are damaged or too large, use an undamaged checkpoint"
            )
