"""Tables of latency: what ran in the same interleaved rounds, and how it stands to torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.gates.int8_worth import int8_lines
from benchmarks.records.latency import LatencyRecord, LimitRecord, RatioRecord
from docs.tables.results import results
from runtimes.file_formats.markdown import markdown_table

Speed = tuple[float, float, float]  # ratio and its 95 % interval


def latency() -> str:
    """Time per tile of everything that ran in one interleaved run, and the ratio to the official form."""
    head = (
        "artifact", "median, ms (95 % interval)", "p95, ms", "output MP/s", "peak memory, MB", "as fast as torch today"
    )  # fmt: skip
    rows = []
    for file in results("nano-x4-bench-*.json"):
        speeds = _speeds(file.of(RatioRecord))
        rows += [_latency_row(record, speeds) for record in file.of(LatencyRecord)]
    return markdown_table(head, rows)


def peers() -> str:
    """tiny x4 and everything that it is held against, timed in the same rounds."""
    (file,) = results("tiny-x4-bench-128.json")
    speeds = _speeds(file.of(RatioRecord))
    rows: list[tuple[str, ...]] = []
    for record in file.of(LatencyRecord):
        if record.p50_ms is None:
            rows.append((record.artifact, "not run here"))
            continue
        speed = "1"
        if record.artifact in speeds:
            ratio, low, _ = speeds[record.artifact]
            speed = f"{ratio:.2f} (at least {low:.2f})"
        peak = record.roofline.peak_share if record.roofline else None
        share = "" if peak is None else f"{100 * peak:.0f} %"
        rows.append((record.artifact, _median(record), speed, share))
    limits = ", ".join(f"{it.name} {it.per_second / 1e9:.0f} G{it.unit}/s" for it in file.of(LimitRecord))
    table = markdown_table(("one 128x128 tile", "median, ms (95 % interval)", "x torch today", "share of peak"), rows)
    return f"{table}\n\nLimits on {file.environment.machine}: {limits}."


def worth() -> str:
    """What `bench` says of INT8 against 16 bits, and how each stands to its backend's fp32."""
    lines = []
    for file in results("*-x4-bench-128.json"):
        model = file.of(LatencyRecord)[0].model
        lines += [f"- {model} {line}" for line in int8_lines(file.of(LatencyRecord), file.of(RatioRecord))]
        precision = {it.artifact: it.precision for it in file.of(LatencyRecord)}
        for ratio in file.of(RatioRecord):
            from_fp32 = ratio.is_artifact and precision[ratio.artifact] == "fp32"
            if from_fp32 and ratio.other_backend == ratio.backend and precision[ratio.other].startswith("int8"):
                low, high = ratio.ratio_low, ratio.ratio_high
                lines.append(
                    f"- {model} {ratio.other}: {ratio.ratio:.2f} [{low:.2f}, {high:.2f}] times as fast as fp32"
                )
    return "\n".join(lines)


def _speeds(ratios: Sequence[RatioRecord]) -> dict[str, Speed]:
    """How many times as fast as the official form each artifact is; a pair is kept in either order."""
    forward = {
        it.artifact: (1 / it.ratio, 1 / it.ratio_high, 1 / it.ratio_low)
        for it in ratios
        if it.other_identity.is_baseline
    }
    return forward | {it.other: (it.ratio, it.ratio_low, it.ratio_high) for it in ratios if it.is_baseline}


def _latency_row(record: LatencyRecord, speeds: Mapping[str, Speed]) -> tuple[str, ...]:
    name = f"{record.model} {record.artifact}"
    if record.p50_ms is None or record.p95_ms is None:
        return name, "not run here"
    speed = "1" if record.is_baseline else ""
    if record.artifact in speeds:
        ratio, low, high = speeds[record.artifact]
        speed = f"{ratio:.1f} ({low:.1f} to {high:.1f})"
    memory = f"{record.peak_rss_mb:.0f}" if record.peak_rss_mb is not None else ""
    pixels = f"{record.output_megapixels_per_s:.1f}"
    return name, _median(record), f"{record.p95_ms:.1f}", pixels, memory, speed


def _median(record: LatencyRecord) -> str:
    return f"{record.p50_ms:.1f} ({record.p50_low_ms:.1f} to {record.p50_high_ms:.1f})"
