"""`--require "A<0.87*B"`: a speed gate between two things measured in the same rounds.

A and B are beginnings of artifact or peer names; where both come in several tiles, every common tile must
hold. The gate is judged by the unfavourable end of the ratio's 95 % interval: what is not shown does not
pass.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.records.identity import Identity
from benchmarks.records.latency import RatioRecord
from benchmarks.records.statistics import compare, compare_apart
from dlgsanet.errors import InputError, UnavailableError, unknown
from runtimes.backends.torch import ENGINE as TORCH
from runtimes.runner.tiling import Tile

_NAME = r"[A-Za-z][A-Za-z0-9_.-]*"
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_FORM = re.compile(rf"\s*({_NAME})\s*([<>])\s*(?:({_NUMBER})\s*\*\s*)?({_NAME})\s*")


@dataclass(frozen=True)
class Requirement:
    """time(left) < factor * time(right), or > when not `less`."""

    text: str
    left: str
    less: bool
    factor: float
    right: str


@dataclass(frozen=True)
class Timing(Identity):
    """Raw times of one artifact or peer, in ms, in the order of the rounds, and those with no other engine open."""

    name: str
    tile: Tile
    samples_ms: Sequence[float]
    alone_ms: Sequence[float] = ()

    @property
    def best_ms(self) -> Sequence[float]:
        """Whichever of the two has the lower median."""
        alone = self.alone_ms and np.median(self.alone_ms) < np.median(self.samples_ms)
        return self.alone_ms if alone else self.samples_ms


def parse_requirement(text: str) -> Requirement:
    """Raises InputError for anything but `NAME < [NUMBER *] NAME` (or >)."""
    found = _FORM.fullmatch(text)
    if not found:
        raise InputError(f"expected --require like 'openvino-bf16<0.87*torch-official', found {text[:80]!r}")
    left, sign, number, right = found.groups()
    factor = float(number) if number else 1.0
    if not 0 < factor < math.inf:
        raise InputError(f"expected a factor above 0 in --require, found {number} in {text[:80]!r}")
    return Requirement(text.strip(), left, sign == "<", factor, right)


def require_known(requirement: Requirement, names: Sequence[tuple[str, Tile]]) -> None:
    """Refuse, before anything is measured, what the (name, tile) to be measured cannot answer.

    Raises InputError as `judge_requirement`.
    """
    _pairs(requirement, [Timing(name, tile, (), role="artifact", backend="") for name, tile in names], {})


def judge_requirement(
    requirement: Requirement, timings: Sequence[Timing], missing: Mapping[str, str], model_sha256: str
) -> list[RatioRecord]:
    """One record for each tile that both sides were timed in, gate pass or fail.

    `missing` maps names that could not be timed here to the reason. Raises InputError for a name that is
    unknown or ambiguous or two sides without a common tile, UnavailableError for a side that was not timed.
    """
    return [_judge(requirement, left, right, model_sha256) for left, right in _pairs(requirement, timings, missing)]


def _pairs(
    requirement: Requirement, timings: Sequence[Timing], missing: Mapping[str, str]
) -> list[tuple[Timing, Timing]]:
    """What to compare, for each common tile."""
    left = _resolve(requirement.left, timings, missing)
    right = _resolve(requirement.right, timings, missing)
    common = sorted(left.keys() & right.keys())
    if not common:
        raise InputError(
            f"--require {requirement.text!r}: expected two things timed in one tile size, found none in common"
        )
    if any(left[tile].name == right[tile].name for tile in common):
        raise InputError(f"--require {requirement.text!r}: expected two different things, found one twice")
    return [(left[tile], right[tile]) for tile in common]


def stated_ratio(one: Timing, other: Timing, model_sha256: str) -> RatioRecord:
    """The ratio of their times, not judged. Engines disturb each other, and torch's threads most: beside torch each
    side counts with the better of its measurements."""
    best = one.best_ms, other.best_ms
    apart = (one.is_torch or other.is_torch) and (best[0] is one.alone_ms or best[1] is other.alone_ms)
    ratio, order = compare_apart(*best) if apart else compare(one.samples_ms, other.samples_ms)
    return RatioRecord(
        artifact=one.name,
        other=other.name,
        model_sha256=model_sha256,
        tile=one.tile,
        ratio=ratio.value,
        ratio_low=ratio.low,
        ratio_high=ratio.high,
        order=order,
        gate="stated",
        reason="",
        role=one.role,
        backend=one.backend,
        other_role=other.role,
        other_backend=other.backend,
        apart=apart,
    )


def _judge(requirement: Requirement, left: Timing, right: Timing, model_sha256: str) -> RatioRecord:
    ratio = stated_ratio(left, right, model_sha256)
    bound = ratio.ratio_high if requirement.less else ratio.ratio_low
    holds = bound < requirement.factor if requirement.less else bound > requirement.factor
    end, sign = ("upper", "<") if requirement.less else ("lower", ">")
    reason = f"the {end} end of the ratio's 95 % interval, {bound:.3f}, is not {sign} {requirement.factor:g}"
    return replace(ratio, gate="pass" if holds else "fail", reason="" if holds else reason, required=requirement.text)


def _resolve(prefix: str, timings: Sequence[Timing], missing: Mapping[str, str]) -> dict[Tile, Timing]:
    """What a name means: exactly one thing, or one family in several tiles, then by tile."""
    names = [timing.name for timing in timings]
    exact = [timing for timing in timings if timing.name == prefix or _family(timing.name) == prefix]
    found = exact or [timing for timing in timings if timing.name.startswith(prefix)]
    families = sorted({_family(timing.name) for timing in found})
    if len(families) > 1:
        raise InputError(f"--require: {prefix} may be {', '.join(families)}; give more of the name")
    if found:
        return {timing.tile: timing for timing in found}
    for name, reason in missing.items():
        if name.startswith(prefix):
            raise UnavailableError(f"--require cannot be judged: {name} was not measured here: {reason}")
    if prefix.startswith(f"{TORCH.name}-"):
        raise InputError(f"--require names {prefix}, which is not timed in this run; add it as a --peer")
    raise unknown("name in --require", prefix, [*names, *missing])


def _family(name: str) -> str:
    """The name without its tile."""
    return name.rpartition("-")[0]
