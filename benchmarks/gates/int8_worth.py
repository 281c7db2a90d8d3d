"""Whether INT8 pays on this machine: against the fastest 16-bit artifact of the same backend, or it is said."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.records.latency import LatencyRecord, RatioRecord

WORTH = 1.15  # times as fast as 16 bit, at the lower end of the 95 % interval; below, INT8 only costs decibels
_SIXTEEN = ("fp16", "bf16")
_INT8 = ("int8", "int8-mixed")  # not int8w, which is about the file and computes in floats


def int8_lines(records: Sequence[LatencyRecord], ratios: Sequence[RatioRecord]) -> list[str]:
    """A line for each INT8 artifact that was timed beside a 16-bit one of its backend and tile.

    `ratios` are those of the same rounds: figures of different runs are never divided.
    """
    timed = [it for it in records if it.is_artifact and it.samples_ms and it.gate == "pass"]
    lines = []
    for record in timed:
        beside = [it for it in timed if it.precision in _SIXTEEN and _place(it) == _place(record)]
        if record.precision in _INT8 and beside:
            fastest = min(beside, key=lambda it: it.p50_ms or 0.0)
            gain = _gain(record.artifact, fastest.artifact, ratios)
            lines += [_line(record.artifact, fastest.artifact, *gain)] if gain else []
    return lines


def _place(record: LatencyRecord) -> tuple[object, ...]:
    return record.model_sha256, record.backend, record.tile, record.device


def _gain(artifact: str, other: str, ratios: Sequence[RatioRecord]) -> tuple[float, float, float] | None:
    """How many times as fast as the other, with the ends of the interval."""
    for it in ratios:
        if (it.artifact, it.other) == (other, artifact):
            return it.ratio, it.ratio_low, it.ratio_high
        if (it.artifact, it.other) == (artifact, other):
            return 1 / it.ratio, 1 / it.ratio_high, 1 / it.ratio_low
    return None


def _line(artifact: str, other: str, value: float, low: float, high: float) -> str:
    said = "worth it here" if low >= WORTH else f"not worth it here (that takes {WORTH:g})"
    return f"{artifact}: {said}: {value:.2f} [{low:.2f}, {high:.2f}] times as fast as {other}"
