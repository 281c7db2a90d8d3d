"""The table of the accuracy gates: every limit, and the worst that a committed result of a shipped artifact shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from functools import cache

from benchmarks.gates.limits import GATES, TILING_DROP_MEAN_DB, Limits
from benchmarks.gates.seen_faults import largest_shift
from benchmarks.records.accuracy import AccuracyRecord
from docs.tables.results import results
from runtimes.file_formats.markdown import markdown_table
from runtimes.runner.fidelity.likeness import Likeness, ProbeFigures
from runtimes.runner.fidelity.probes import FLAT

LIMITED = {
    "drop_mean_db": "mean of abs(drop), Y and RGB, dB",
    "drop_worst_db": "abs(drop) of the worst image, Y and RGB, dB",
    "to_reference_mean_db": "PSNR to the reference, mean, dB, **at least**",
    "to_reference_worst_db": "PSNR to the reference, worst image, dB, **at least**",
    "ssim_drop": "SSIM drop, mean",
    "shift": "mean error of a channel over all images",
    "image_shift": "mean error of a channel in one image",
    "speck": "mean error of a 2x2 place of the tile",
    "line": "mean error of a row or column of the tile, beside its neighbours",
    "step": "mean error of 8 rows or columns of the tile, less the 8 before",
    "dots": "mean error at one phase of 2, 4, 8 pixels and of the scale",
    "patch": "root mean square error of an 8x8 patch, the worst of all images",
    "chroma": "root mean square error of Cb and Cr, the worst image",
    "ends": "mean error where the reference is within 8 levels of black, or of white",
    "gain": "gain of contrast, and of saturation, less 1, a share",
    "detail": "gain of neighbours' differences in luma, less 1, a share",
    "colour_detail": "the same in colour",
    "seams": "root mean square error where tiles meet, less elsewhere",
    "flat_shift": "mean error of a channel, probe tiles of one colour",
    "flat_patch": "root mean square error of an 8x8 patch, probe tiles of one colour",
    "busy_shift": "mean error of a channel, the other probe tiles",
    "busy_patch": "root mean square error of an 8x8 patch, the other probe tiles",
}


def gates() -> str:
    """The limits of `check`, a row for each and a column for each kind of precision: the worst seen in brackets."""
    kinds: dict[Limits, list[str]] = {}
    for precision, limits in GATES.items():
        if limits is not None:
            kinds.setdefault(limits, []).append(precision)
    head = ("limit", "of what", *(", ".join(f"`{name}`" for name in names) for names in kinds.values()))
    rows = [
        (f"`{field.name}`", LIMITED[field.name], *(_cell(field.name, it, names) for it, names in kinds.items()))
        for field in dataclasses.fields(Limits)
    ]
    none = ", ".join(f"`{precision}`" for precision, limits in GATES.items() if limits is None)
    tail = (
        f"{none}: no limit; stated, or judged by `--max-drop` or `--limits`. Tiling itself may cost "
        f"{TILING_DROP_MEAN_DB:g} dB on the mean over the images, "
        f"twice as much where five or more disagree (its 95 % interval holds zero), five times as much where there are "
        "fewer. "
        "In brackets: the worst in the committed results."
    )
    return f"{markdown_table(head, rows)}\n\n{tail}"


def worst_seen(limit: str, precisions: list[str]) -> float | None:
    """What comes nearest to a limit in the committed results; pictures of 8 bits have limits of their own."""
    found = [size for precision in precisions for size in _sizes().get((precision, limit), ())]
    if not found:
        return None
    return min(found) if limit.startswith("to_reference") else max(found)


@cache
def _sizes() -> Mapping[tuple[str, str], list[float]]:
    """Of each precision and limit, what the committed results show; they are read once for all limits."""
    found: dict[tuple[str, str], list[float]] = {}
    for file in results("*check*.json"):
        for record in file.of(AccuracyRecord):
            if record.is_artifact and "-image-" not in record.artifact and record.images:
                for name, value in shown(record):
                    if value is not None:
                        found.setdefault((record.precision, name), []).append(abs(value))
    return found


def shown(record: AccuracyRecord) -> Iterator[tuple[str, float | None]]:
    """What an artifact shows, by the limit that it is held against."""
    drops = [abs(row.drop_db) for row in record.images]
    yield from (("drop_mean_db", sum(drops) / len(drops)), ("drop_mean_db", record.rgb_abs_drop_db))
    yield from (("drop_worst_db", record.worst_drop_db), ("drop_worst_db", record.rgb_worst_drop_db))
    yield "to_reference_mean_db", record.to_reference_db
    yield "to_reference_worst_db", record.to_reference_worst_db
    yield "ssim_drop", record.ssim_drop
    if record.likeness is not None:
        yield from _on_images(record.likeness)
    for probe in record.probes:
        yield from _on_probe(probe)


def _on_images(found: Likeness) -> Iterator[tuple[str, float | None]]:
    yield from (("shift", shift) for shift in found.shift)
    yield from (("ends", end) for end in (found.blacks, found.whites))
    yield from (("gain", gain) for gain in (found.contrast, found.saturation))
    yield "detail", found.detail
    yield "colour_detail", found.colour_detail
    for name in ("image_shift", "speck", "line", "step", "dots", "patch", "chroma", "seams"):
        yield name, getattr(found, name)


def _on_probe(probe: ProbeFigures) -> Iterator[tuple[str, float | None]]:
    kind = "flat" if probe.probe in FLAT else "busy"
    yield from ((f"{kind}_shift", largest_shift(probe)), (f"{kind}_patch", probe.patch))


def _cell(limit: str, limits: Limits, precisions: list[str]) -> str:
    seen = worst_seen(limit, precisions)
    allowed = f"{getattr(limits, limit):g}"
    return allowed if seen is None else f"{allowed} ({seen:.3g})"
