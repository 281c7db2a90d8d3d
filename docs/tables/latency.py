"""Tables of latency: what ran in the same interleaved rounds, and how it stands to torch."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.gates.int8_worth import int8_lines
from benchmarks.records.latency import JobRecord, LatencyRecord, LimitRecord, RatioRecord, to_best_torch, to_torch
from benchmarks.records.result_file import ResultFile
from benchmarks.report.terminal import job_name, job_stages
from docs.tables.results import BASELINE, TILE, results
from runtimes.file_formats.markdown import markdown_table

MEDIANS = ("median in the rounds, ms (95 % interval)", "alone, ms")
RATIOS = ("times as fast as the best torch", "as the official form, eager")


def latency() -> str:
    """Time per tile of everything that ran in one interleaved run, and the ratios to torch."""
    head = ("artifact", *MEDIANS, "output MP/s", "peak memory, MB", *RATIOS)
    rows = []
    for file in results("nano-x4-bench-*.json"):
        speeds = _against_torch(file)
        rows += [_latency_row(record, speeds) for record in file.of(LatencyRecord)]
    return markdown_table(head, rows)


def peers() -> str:
    """tiny x4 and everything that it is held against, timed in the same rounds."""
    (file,) = results("tiny-x4-bench-128.json")
    speeds = _against_torch(file)
    rows: list[tuple[str, ...]] = []
    for record in file.of(LatencyRecord):
        if record.p50_ms is None:
            rows.append((record.artifact, "not run here"))
            continue
        peak = record.roofline.peak_share if record.roofline else None
        share = "" if peak is None else f"{100 * peak:.0f} %"
        speed = speeds.get(record.artifact, ("", ""))
        rows.append((record.artifact, _median(record), _alone(record), *speed, share))
    limits = ", ".join(f"{it.name} {it.per_second / 1e9:.0f} G{it.unit}/s" for it in file.of(LimitRecord))
    table = markdown_table(("one 128x128 tile", *MEDIANS, *RATIOS, "share of peak"), rows)
    return f"{table}\n\nLimits on {file.environment.machine}: {limits}."


def jobs() -> str:
    """Whole jobs of `upscale`, as `bench --job` timed them."""
    records = [record for file in results("job-*.json") for record in file.of(JobRecord)]
    stages = list(dict.fromkeys(name for record in records for name, _ in job_stages(record)))
    head = ("job", "artifact", "start, s", "job, s", "engine's share", *(f"{stage}, s" for stage in stages))
    rows = []
    for record in records:
        took = dict(job_stages(record))
        figures = (f"{record.start_seconds:.2f}", f"{record.seconds:.2f}", f"**{record.engine_share:.2f}**")
        each = (f"{took[stage]:.2f}" if stage in took else "" for stage in stages)
        rows.append((f"{record.model}: {job_name(record)}", f"`{record.artifact}`", *figures, *each))
    return markdown_table(head, rows)


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


def _speed(ratio: RatioRecord | None) -> str:
    """How many times as fast, with the ends of the interval."""
    return f"{1 / ratio.ratio:.2f} ({1 / ratio.ratio_high:.2f} to {1 / ratio.ratio_low:.2f})" if ratio else ""


def _against_torch(file: ResultFile) -> Mapping[str, tuple[str, str]]:
    """By name: how many times as fast as the best form of torch, and as the official form as it comes."""
    best, everything = to_best_torch(file.of(RatioRecord)), to_torch(file.of(RatioRecord))
    eager = {it.artifact: it for it in everything if it.other.startswith(f"{BASELINE}-{TILE}")}
    return {name: (_speed(ratio), _speed(eager.get(name))) for name, ratio in best.items()}


def compiling() -> str:
    """What torch.compile took, and which form is the best."""
    lines = []
    for file in results("*-x4-bench-128.json"):
        took = {it.artifact: it.compile_ms for it in file.of(LatencyRecord) if it.compile_ms is not None}
        forms = [it for it in file.of(LatencyRecord) if it.is_torch and it.best_ms is not None]
        best = min(forms, key=lambda it: it.best_ms or 0.0)
        said = ", ".join(f"{name} {took_ms / 1e3:.0f} s" for name, took_ms in took.items())
        lines.append(f"- {best.model}: the fastest is {best.artifact}, {best.best_ms:.1f} ms. Compiling took: {said}.")
    return "\n".join(lines)


def _latency_row(record: LatencyRecord, speeds: Mapping[str, tuple[str, str]]) -> tuple[str, ...]:
    name = f"{record.model} {record.artifact}"
    if record.p50_ms is None or record.p95_ms is None:
        return name, "not run here"
    memory = f"{record.peak_rss_mb:.0f}" if record.peak_rss_mb is not None else ""
    pixels = f"{record.output_megapixels_per_s:.1f}"
    return name, _median(record), _alone(record), pixels, memory, *speeds.get(record.artifact, ("", ""))


def _median(record: LatencyRecord) -> str:
    return f"{record.p50_ms:.1f} ({record.p50_low_ms:.1f} to {record.p50_high_ms:.1f})"


def _alone(record: LatencyRecord) -> str:
    return f"{record.alone_p50_ms:.1f}" if record.alone_p50_ms is not None else ""
