"""Records of `bench`: times, their ratios, and what the machine reached in the same rounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from benchmarks.records.gate_name import GateName
from benchmarks.records.statistics import Order


@dataclass(frozen=True)
class LatencyRecord:
    """One tile through one artifact, end to end on the host. `p50_low_ms`, `p50_high_ms`: the median's 95 %
    interval.

    `load_ms` and `peak_rss_mb` (10^6 bytes) come from a process of its own, the backend's import included.
    `network_macs` are the multiply-adds of the network itself, `lowered_macs` those of the graph; the shares are
    what these would take at the product limit of the engine and precision (LimitRecord), over `p50_ms`. `mac_shares`
    as in AccuracyRecord.
    """

    artifact: str
    model: str
    model_sha256: str
    precision: str
    tile: tuple[int, int]
    gate: GateName
    reason: str
    p50_ms: float | None = None
    p50_low_ms: float | None = None
    p50_high_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    samples_ms: tuple[float, ...] = ()
    load_ms: float | None = None
    peak_rss_mb: float | None = None
    output_megapixels_per_s: float | None = None
    device: str | None = None
    reported_precision: str | None = None
    threads: int | None = None
    note: str = ""
    network_macs: int | None = None
    lowered_macs: int | None = None
    peak_share: float | None = None
    lowered_share: float | None = None
    mac_shares: Mapping[str, float] = field(default_factory=dict)
    kind: Literal["latency"] = "latency"

    def __post_init__(self) -> None:
        measured = (self.p50_ms, self.p50_low_ms, self.p50_high_ms, self.output_megapixels_per_s)
        if any(value is not None and value <= 0 for value in (*measured, *self.samples_ms)):
            raise ValueError("expected times above zero")
        if any(value is None for value in measured) != (not self.samples_ms):
            raise ValueError("expected p50_ms, its interval, output_megapixels_per_s and samples_ms all or none")


@dataclass(frozen=True)
class RatioRecord:
    """Time of `artifact` divided by that of `other`, of one tile size, measured in the same rounds.

    `required` is the user's `--require`, then `gate` is pass or fail; else `stated`.
    """

    artifact: str
    other: str
    model_sha256: str
    tile: tuple[int, int]
    ratio: float
    ratio_low: float
    ratio_high: float
    order: Order
    gate: GateName
    reason: str
    required: str | None = None
    kind: Literal["ratio"] = "ratio"


@dataclass(frozen=True)
class LimitRecord:
    """What the machine reached at most in the same rounds: `per_second` of `unit` (MAC, or B read and written)."""

    name: str
    unit: str
    per_second: float
    threads: int
    samples_ms: tuple[float, ...]
    kind: Literal["limit"] = "limit"
