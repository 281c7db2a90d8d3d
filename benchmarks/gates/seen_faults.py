"""What eyes would see, against the limits of a precision: one line for each that does not hold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from benchmarks.gates.limits import Limits
from runtimes.runner.fidelity.likeness import Likeness, ProbeFigures
from runtimes.runner.fidelity.probes import FLAT

CHANNELS = ("red", "green", "blue")
_NAMED = 3  # probes that a line names, the worst first


def over_seen(likeness: Likeness | None, probes: Sequence[ProbeFigures], limits: Limits) -> Iterator[str]:
    """Every figure beyond its limit, with what was found and what is allowed."""
    if likeness is not None:
        yield from _over_images(likeness, limits)
    for kind, some, shift, patch in _by_kind(probes, limits):
        yield from _over_probes(f"mean shift on {kind} probe tiles", some, [largest_shift(it) for it in some], shift)
        yield from _over_patch(kind, some, patch)


def over_patches(probes: Sequence[ProbeFigures], limits: Limits) -> Iterator[str]:
    """Of the same only where a patch of a probe tile is another picture."""
    for kind, some, _, patch in _by_kind(probes, limits):
        yield from _over_patch(kind, some, patch)


def _by_kind(probes: Sequence[ProbeFigures], limits: Limits) -> Iterator[tuple[str, list[ProbeFigures], float, float]]:
    """Probes of one colour and the others, each with the limits of a shift and of a patch."""
    yield "flat", [it for it in probes if it.probe in FLAT], limits.flat_shift, limits.flat_patch
    yield "busy", [it for it in probes if it.probe not in FLAT], limits.busy_shift, limits.busy_patch


def _over_patch(kind: str, probes: Sequence[ProbeFigures], limit: float) -> Iterator[str]:
    return _over_probes(f"8x8 patch of {kind} probe tiles", probes, [it.patch for it in probes], limit)


def largest_shift(probe: ProbeFigures) -> float:
    """Of its three channels, by size."""
    return max(map(abs, probe.shift))


def _over_images(found: Likeness, limits: Limits) -> Iterator[str]:
    for channel, shift in zip(CHANNELS, found.shift, strict=True):
        yield from _over(f"mean shift of {channel}", shift, limits.shift)
    levels = (
        ("mean shift of an image", found.image_shift, limits.image_shift),
        ("a speck at one place of the tile", found.speck, limits.speck),
        ("a line at one place of the tile", found.line, limits.line),
        ("a step at one place of the tile", found.step, limits.step),
        ("a grid of dots", found.dots, limits.dots),
        (f"8x8 patch of {found.patch_image}", found.patch, limits.patch),
        ("colour (Cb, Cr)", found.chroma, limits.chroma),
        ("blacks", found.blacks, limits.ends),
        ("whites", found.whites, limits.ends),
        ("tiles' seams", None if found.seams is None else max(found.seams, 0.0), limits.seams),  # fewer errors are none
    )
    for name, value, limit in levels:
        yield from _over(name, value, limit)
    shares = (
        ("contrast", found.contrast, limits.gain),
        ("saturation", found.saturation, limits.gain),
        ("detail", found.detail, limits.detail),
        ("colour detail", found.colour_detail, limits.colour_detail),
    )
    for name, value, limit in shares:
        yield from _over(f"gain of {name}", value, limit, unit="%", factor=100.0)


def _over(name: str, value: float | None, limit: float, unit: str = "levels", factor: float = 1.0) -> Iterator[str]:
    if value is not None and not math.isfinite(value):
        yield f"{name}: not a finite number"
    elif value is not None and abs(value) > limit:
        yield f"{name} {factor * value:+.3g} {unit} > {factor * limit:g}"


def _over_probes(name: str, probes: Sequence[ProbeFigures], values: Sequence[float], limit: float) -> Iterator[str]:
    beyond = sorted(((value, it.probe) for value, it in zip(values, probes, strict=True) if not value <= limit))[::-1]
    if beyond:
        named = ", ".join(f"{probe} {value:.3g}" for value, probe in beyond[:_NAMED])
        more = f" and {len(beyond) - _NAMED} more" if len(beyond) > _NAMED else ""
        yield f"{name}: {named}{more} levels > {limit:g}"
