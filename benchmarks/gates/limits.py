"""The limits of the accuracy gates by precision, and the file that a user may give in their place.

Those of bf16, INT8 and int8 weights are two to three times the worst that any artifact of the shipped networks shows on
Set5, B100, the demo's photographs, drawn pages of text and the probe tiles; docs/reference/gates.md has that worst
beside them. Some have less room, as a patch in INT8 and in int8 weights and the drops: more would let visible faults
pass. fp32 has more room, where the order of a sum decides, and fp16, which no device was measured in that has it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from dlgsanet.errors import InputError, shown, unknown
from dlgsanet.storage import json_text
from dlgsanet.storage.regular import open_regular
from dlgsanet.storage.toml_file import read_toml
from dlgsanet.storage.typed_json import between, decode

Limit = Annotated[float, between(0.0, 1e6, "a number of at least 0")]


@dataclass(frozen=True)
class Limits:
    """What one precision may cost. Sizes are limited, not directions, but for decibels to the reference (at least).

    Drops in dB against HR, the mean of their sizes and the worst image, in Y and in RGB; decibels to the reference,
    mean and worst image; SSIM drop, mean. The rest are the figures of `Likeness` in levels of 255: `ends` of blacks and
    whites, `gain` (a share) of contrast and saturation, `detail` and `colour_detail` (shares). Probe tiles:
    `flat_*` of one colour, `busy_*` the others.
    """

    drop_mean_db: Limit = math.inf
    drop_worst_db: Limit = math.inf
    to_reference_mean_db: Limit = 0.0
    to_reference_worst_db: Limit = 0.0
    ssim_drop: Limit = math.inf
    shift: Limit = math.inf
    image_shift: Limit = math.inf
    speck: Limit = math.inf
    line: Limit = math.inf
    step: Limit = math.inf
    dots: Limit = math.inf
    patch: Limit = math.inf
    chroma: Limit = math.inf
    ends: Limit = math.inf
    gain: Limit = math.inf
    detail: Limit = math.inf
    colour_detail: Limit = math.inf
    seams: Limit = math.inf
    flat_shift: Limit = math.inf
    flat_patch: Limit = math.inf
    busy_shift: Limit = math.inf
    busy_patch: Limit = math.inf


FP32 = Limits(
    drop_mean_db=0.001,
    drop_worst_db=0.005,
    to_reference_mean_db=110.0,
    to_reference_worst_db=100.0,
    ssim_drop=0.0001,
    shift=0.002,
    image_shift=0.005,
    speck=0.02,
    line=0.005,
    step=0.005,
    dots=0.005,
    patch=0.02,
    chroma=0.005,
    ends=0.01,
    gain=0.0001,
    detail=0.0001,
    colour_detail=0.0001,
    seams=0.01,
    flat_shift=0.01,
    flat_patch=0.05,
    busy_shift=0.01,
    busy_patch=0.05,
)

FP16 = Limits(
    drop_mean_db=0.004,
    drop_worst_db=0.01,
    to_reference_mean_db=64.0,
    to_reference_worst_db=60.0,
    ssim_drop=0.0003,
    shift=0.06,
    image_shift=0.2,
    speck=2.0,
    line=0.15,
    step=0.15,
    dots=0.1,
    patch=1.5,
    chroma=0.2,
    ends=0.15,
    gain=0.001,
    detail=0.002,
    colour_detail=0.002,
    seams=0.1,
    flat_shift=0.4,
    flat_patch=1.5,
    busy_shift=0.2,
    busy_patch=2.0,
)

BF16 = Limits(
    drop_mean_db=0.0165,
    drop_worst_db=0.12,
    to_reference_mean_db=52.0,
    to_reference_worst_db=48.0,
    ssim_drop=0.001,
    shift=0.28,
    image_shift=0.78,
    speck=4.2,
    line=1.2,
    step=0.5,
    dots=0.18,
    patch=7.2,
    chroma=0.41,
    ends=0.33,
    gain=0.0025,
    detail=0.0034,
    colour_detail=0.0022,
    seams=0.098,
    flat_shift=1.2,
    flat_patch=2.4,
    busy_shift=0.39,
    busy_patch=5.6,
)

INT8W = Limits(
    drop_mean_db=0.04,
    drop_worst_db=0.13,
    to_reference_mean_db=53.0,
    to_reference_worst_db=49.0,
    ssim_drop=0.0005,
    shift=0.093,
    image_shift=0.21,
    speck=4.6,
    line=0.9,
    step=0.25,
    dots=0.53,
    patch=3.3,
    chroma=0.4,
    ends=0.09,
    gain=0.0017,
    detail=0.0075,
    colour_detail=0.0036,
    seams=0.09,
    flat_shift=0.22,
    flat_patch=4.0,
    busy_shift=1.0,
    busy_patch=31.0,
)

INT8 = Limits(
    drop_mean_db=0.05,
    drop_worst_db=0.13,
    to_reference_mean_db=48.5,
    to_reference_worst_db=43.5,
    ssim_drop=0.0019,
    shift=0.28,
    image_shift=0.86,
    speck=6.2,
    line=1.15,
    step=0.45,
    dots=0.55,
    patch=8.0,
    chroma=1.15,
    ends=0.26,
    gain=0.003,
    detail=0.01,
    colour_detail=0.005,
    seams=0.14,
    flat_shift=1.2,
    flat_patch=6.0,
    busy_shift=2.0,
    busy_patch=110.0,
)

GATES: Mapping[str, Limits | None] = {
    "fp32": FP32,
    "fp16": FP16,
    "bf16": BF16,
    "int8": INT8,
    "int8-mixed": INT8,
    "int8w": INT8W,
    "pal8": INT8W,
    "pal6": None,  # how much a coarse palette may cost depends on the use: --max-drop says it
    "pal4": None,
}

APPROXIMATE = "approximate"
"""What a file of limits calls the artifacts whose graph drops something (--basis-rank), whatever their precision."""


TILING = "tiling"
"""What a file of limits calls the tiles themselves, which have one limit, `drop_mean_db`."""

TILING_DROP_MEAN_DB = 0.02
"""What cutting into tiles may cost by itself, on the mean over the images."""


@dataclass(frozen=True)
class LimitTable:
    """The limits of every precision, None for none at all; `name`: `default`, or a file's own hash. `tiling_db`: what
    tiles may cost by themselves."""

    name: str = "default"
    gates: Mapping[str, Limits | None] = field(default_factory=lambda: {**GATES, APPROXIMATE: INT8})
    tiling_db: float = TILING_DROP_MEAN_DB

    def of(self, precision: str, *, approximate: bool = False, pictures: bool = False) -> Limits | None:
        """`pictures`: outputs of 8 bits, which differ by a whole level where both were next to its middle. Raises
        InputError for an unknown precision."""
        if precision not in self.gates:
            raise unknown("precision", precision, GATES)
        limits = self.gates[APPROXIMATE if approximate else precision]
        return _rounded(limits) if limits is not None and pictures else limits


DEFAULT = LimitTable()

_FAINT_COLOUR = 0.05  # of the detail in colours that are next to grey, which 8 bits hardly hold


def _rounded(limits: Limits) -> Limits:
    """What rounding to 8 bits may add: a level in a pixel, a patch or a flat tile, a part of it in a mean of many."""
    pixels = ("speck", "patch", "flat_shift", "flat_patch", "busy_shift", "busy_patch")
    means = ("image_shift", "line", "step", "dots", "chroma", "ends", "seams")
    return replace(
        limits,
        to_reference_mean_db=min(limits.to_reference_mean_db, INT8W.to_reference_mean_db),
        to_reference_worst_db=min(limits.to_reference_worst_db, INT8W.to_reference_worst_db),
        detail=max(limits.detail, _FAINT_COLOUR),
        colour_detail=max(limits.colour_detail, _FAINT_COLOUR),
        **{name: getattr(limits, name) + 1.0 for name in pixels},
        **{name: getattr(limits, name) + 0.3 for name in means},
    )


def _json_or_toml(path: Path, advice: str) -> object:
    try:
        with open_regular(path) as stream:
            is_json = path.suffix.lower() == ".json" or stream.read(1 << 10).lstrip().startswith(b"{")
    except OSError:
        is_json = False  # the reader says what is wrong
    return json_text.read(path, 1 << 20, "a file of limits", advice) if is_json else read_toml(path)


def read_limits(path: Path) -> LimitTable:
    """The default limits with those in their place that a file gives: TOML, or JSON, which begins with a brace; a table
    for each precision. Raises InputError for a file, a precision, a limit or a value that cannot be."""
    advice = "see docs/reference/gates.md"
    found = _json_or_toml(path, advice)
    tables = decode(Mapping[str, Limits], found, path.name, advice)  # type: ignore[type-abstract]
    gates = dict(DEFAULT.gates)
    if not tables or not isinstance(found, dict):
        raise InputError(f"expected limits in {path}, such as [int8] with patch = 20, found none; {advice}")
    tiling_db = TILING_DROP_MEAN_DB
    for name, given in tables.items():
        if name == TILING:
            if list(found[name]) != ["drop_mean_db"]:
                raise InputError(
                    f"expected drop_mean_db alone in [{TILING}] of {path}, found {shown(list(found[name]))}"
                )
            tiling_db = given.drop_mean_db
        elif name in gates:
            gates[name] = replace(gates[name] or Limits(), **found[name])
        else:
            raise unknown(f"precision in {path.name}", name, (*gates, TILING))
    return LimitTable(hashlib.sha256(path.read_bytes()).hexdigest()[:12], gates, tiling_db)
