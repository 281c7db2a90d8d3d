"""The accuracy gates: the one function that judges an artifact by the limits of its precision.

Sizes are judged, not directions: a gain over the reference that nobody can explain is as suspect as a drop.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.gates.limits import DEFAULT, GATES, TILING_DROP_MEAN_DB, Limits, LimitTable
from benchmarks.gates.seen_faults import over_seen
from benchmarks.records.gate_name import GateName
from benchmarks.records.statistics import mean_interval
from dlgsanet.errors import InputError
from runtimes.runner.contract import NOT_TOLD
from runtimes.runner.fidelity.likeness import Likeness, ProbeFigures

__all__ = ["GATES", "Figures", "Limits", "Verdict", "judge", "judge_checkpoint", "judge_tiling", "precision_fault"]


_ENOUGH = 5
"""Images whose mean and disagreement on tiling count."""

_ROOM_OF_FEW = 5
"""Times the limit that fewer images may lose: one picture that is smaller than a tile, and so filled up, decides their
mean (of the two of a bundle's parity pack, tiny-x4 loses 0.08 dB on one, nothing on the other)."""


@dataclass(frozen=True)
class Figures:
    """What is judged. `None` for a dB to the reference means identical outputs (no error to measure).

    `drop_mean_db` is the mean of the drops, `drop_abs_db` that of their sizes: gains cancel losses in the first only.
    The same of RGB, where it was measured. `fault` is one line about an output that is no picture at all: not finite,
    or constant for an input that is not. `approximate`: the graph itself drops something (a compressed basis), whatever
    its precision; then it is judged like a quantized one. `pictures`: its outputs have 8 bits.
    `lost`: lines on what was better when it was exported.
    """

    precision: str
    reported_precision: str
    drop_mean_db: float
    drop_worst_db: float
    to_reference_mean_db: float | None
    to_reference_worst_db: float | None
    ssim_drop: float
    fault: str | None = None
    approximate: bool = False
    pictures: bool = False
    drop_abs_db: float | None = None
    rgb_drop_abs_db: float | None = None
    rgb_drop_worst_db: float | None = None
    likeness: Likeness | None = None
    probes: tuple[ProbeFigures, ...] = ()
    lost: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """`gate` and, unless it is a plain pass, the reason in one line."""

    gate: GateName
    reason: str


def judge(figures: Figures, max_drop_db: float | None = None, table: LimitTable = DEFAULT) -> Verdict:
    """Judge one artifact on one data set by a table of limits; the reason names every limit that does not hold.

    `max_drop_db` is the user's own limit of the mean drop: the only one where the table has none, and one
    more where it has (it can tighten a gate, never loosen it). Raises InputError for an unknown precision or
    a limit that is not above zero.
    """
    limits = table.of(figures.precision, approximate=figures.approximate, pictures=figures.pictures)
    if max_drop_db is not None and not 0 < max_drop_db < math.inf:
        raise InputError(f"expected a drop limit above 0 dB, found {max_drop_db:g}; try --max-drop 0.1")
    if figures.fault:
        return Verdict("fail", figures.fault)
    failures = [*_broken_numbers(figures), *_wrong_precision(figures)]
    if not failures:
        failures = [*_over_limits(figures, limits), *_over_max_drop(figures, max_drop_db), *figures.lost]
    if failures:
        return Verdict("fail", "; ".join(failures))
    if limits is None and max_drop_db is None:
        return Verdict("stated", f"no default limit for {figures.precision}; give one with --max-drop")
    return Verdict("pass", "")


def judge_checkpoint(
    psnr_db: float | None, bicubic_psnr_db: float, *, allowed: bool = False, colour: str = "y"
) -> Verdict:
    """Judge the reference itself against bicubic enlargement, mean PSNR over the images in `colour`, y or rgb; None is
    equal to HR."""
    if psnr_db is None or psnr_db >= bicubic_psnr_db:
        return Verdict("pass", "")
    where = "in RGB " if colour == "rgb" else ""
    said = f"the checkpoint, not the conversion: {psnr_db:.2f} dB {where}where bicubic has {bicubic_psnr_db:.2f}"
    return Verdict("pass", f"{said} (allowed)") if allowed else Verdict("fail", said)


def precision_fault(requested: str, reported: str) -> str | None:
    """One line when the engine runs another precision than the artifact pins: then every figure is a false one."""
    return None if reported in (requested, NOT_TOLD) else f"{requested} was requested, the engine reports {reported}"


def judge_tiling(drops: Sequence[float], limit: float = TILING_DROP_MEAN_DB) -> Verdict:
    """Judge what tiling costs the reference: whole-image PSNR minus tiled PSNR of each image, in dB, by their mean.
    That is a matter of the tile's size, not of any artifact; more overlap changes nothing (docs/guides/tiling.md).

    Images that disagree establish nothing: up to twice the limit passes where the mean's 95 % interval, of at least
    five, holds gains and losses. Fewer than five establish no mean: up to five times the limit passes, and is said.
    """
    if not all(map(math.isfinite, drops)):
        return Verdict("fail", "tiling drop: not a finite number")
    drop = mean_interval(drops)
    if abs(drop.value) <= limit:
        return Verdict("pass", "")
    said = f"tiling drop |{drop.value:.4f}| dB > {limit:g}"
    if len(drops) < _ENOUGH:
        if abs(drop.value) <= _ROOM_OF_FEW * limit:
            return Verdict("pass", f"{said}, but {len(drops)} images are too few to judge tiles by; --data FOLDER does")
    elif abs(drop.value) <= 2 * limit and drop.low < 0 < drop.high:
        return Verdict("pass", f"{said}, but the images disagree (95 %: {drop.low:+.4f} to {drop.high:+.4f})")
    said = f"{said}: the size of the tiles, not an artifact"
    nearer = "export with a --tile nearer to the size of the pictures"
    return Verdict("fail", f"{said}; {nearer}, or allow it: [tiling] in a file of --limits")


def _broken_numbers(figures: Figures) -> Iterator[str]:
    """NaN compares false with every limit, so it must be caught by itself."""
    named = {
        "mean drop": figures.drop_mean_db,
        "worst drop": figures.drop_worst_db,
        "mean dB to the reference": figures.to_reference_mean_db,
        "worst dB to the reference": figures.to_reference_worst_db,
        "SSIM drop": figures.ssim_drop,
    }
    for name, value in named.items():
        if value is not None and not math.isfinite(value):
            yield f"{name}: not a finite number"


def _wrong_precision(figures: Figures) -> Iterator[str]:
    fault = precision_fault(figures.precision, figures.reported_precision)
    if fault:
        yield fault


def _over_limits(figures: Figures, limits: Limits | None) -> Iterator[str]:
    if limits is None:
        return
    mean = figures.drop_mean_db if figures.drop_abs_db is None else figures.drop_abs_db
    at_most = (
        ("mean drop", "dB", mean, limits.drop_mean_db),
        ("worst drop", "dB", figures.drop_worst_db, limits.drop_worst_db),
        ("mean drop in RGB", "dB", figures.rgb_drop_abs_db, limits.drop_mean_db),
        ("worst drop in RGB", "dB", figures.rgb_drop_worst_db, limits.drop_worst_db),
        ("SSIM drop", "", figures.ssim_drop, limits.ssim_drop),
    )
    for name, unit, value, limit in at_most:
        if value is not None and abs(value) > limit:
            yield f"{name} |{value:.5f}| {unit} > {limit:g}".replace("  ", " ")
    at_least = (
        ("mean", figures.to_reference_mean_db, limits.to_reference_mean_db),
        ("worst", figures.to_reference_worst_db, limits.to_reference_worst_db),
    )
    for name, found, least in at_least:
        if found is not None and found < least:
            yield f"{name} {found:.2f} dB to the reference < {least:g}"
    yield from over_seen(figures.likeness, figures.probes, limits)


def _over_max_drop(figures: Figures, max_drop_db: float | None) -> Iterator[str]:
    if max_drop_db is not None and abs(figures.drop_mean_db) > max_drop_db:
        yield f"mean drop |{figures.drop_mean_db:.5f}| dB > {max_drop_db:g} (--max-drop)"
